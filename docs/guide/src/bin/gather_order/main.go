// Results received from a channel are in the order of completion, not of the arguments.
package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func task(name string, delay time.Duration, results chan<- string) {
	time.Sleep(delay)
	fmt.Println(name, "completed")
	results <- name
}

func main() {
	results := make(chan string, 3)
	var wg sync.WaitGroup
	wg.Go(func() { task("Task 1", 5*second, results) })
	wg.Go(func() { task("Task 2", 35*second, results) })
	wg.Go(func() { task("Task 3", 20*second, results) })
	go func() {
		wg.Wait()
		close(results)
	}()

	var all []string
	for result := range results {
		all = append(all, result)
	}
	fmt.Println("A channel of results:", strings.Join(all, ", "))
}
