// The older form: a channel of results, in any order, and a goroutine that closes the channel.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func worker(job int, results chan<- int, wg *sync.WaitGroup) {
	defer wg.Done()
	time.Sleep(second)
	results <- job * 2
}

func main() {
	jobs := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	results := make(chan int, len(jobs))
	var wg sync.WaitGroup
	for _, job := range jobs {
		wg.Add(1)
		go worker(job, results, &wg)
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	for result := range results {
		fmt.Printf("Result: %d\n", result)
	}
}
