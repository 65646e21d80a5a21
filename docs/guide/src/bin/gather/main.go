// Three goroutines at once. Each stores its result at its own index.
package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func task(name string, delay time.Duration) string {
	fmt.Println("Started:", name)
	time.Sleep(delay)
	fmt.Println("Completed:", name)
	return "Result from " + name
}

func main() {
	delays := []time.Duration{10 * second, 50 * second, 30 * second}
	results := make([]string, len(delays))
	var wg sync.WaitGroup
	for i, delay := range delays {
		wg.Go(func() { results[i] = task(fmt.Sprintf("Task %d", i+1), delay) })
	}
	wg.Wait()
	fmt.Println(strings.Join(results, ", "))
}
