// A goroutine can block: the scheduler runs the other goroutines meanwhile.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func digest(file string) string {
	time.Sleep(15 * second) // a library that blocks
	return "digest of " + file
}

func main() {
	began := time.Now()
	files := []string{"a", "b", "c", "d"}
	results := make([]string, len(files))
	var calls sync.WaitGroup
	for i, file := range files {
		calls.Go(func() { results[i] = digest(file) })
	}
	done := make(chan struct{})
	go func() {
		calls.Wait()
		close(done)
	}()

	beats := 0
	heart := time.NewTicker(second)
	defer heart.Stop()
	for running := true; running; {
		select {
		case <-heart.C:
			beats++
		case <-done:
			running = false
		}
	}
	together := time.Since(began)
	for _, result := range results {
		fmt.Println(result)
	}
	if beats >= 3 {
		fmt.Println("other tasks ran meanwhile")
	}

	began = time.Now()
	for _, file := range files {
		digest(file)
	}
	if together < time.Since(began) {
		fmt.Println("one after another takes longer")
	}
}
