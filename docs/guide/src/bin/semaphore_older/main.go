// The older form: ten goroutines, each of which waits for a token, and a channel of results.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func download(url string, semaphore chan struct{}, results chan<- string, wg *sync.WaitGroup) {
	defer wg.Done()
	semaphore <- struct{}{}
	defer func() { <-semaphore }()

	fmt.Printf("Downloading %s\n", url)
	time.Sleep(5 * second)
	fmt.Printf("Downloaded %s\n", url)
	results <- fmt.Sprintf("Content from %s", url)
}

func main() {
	semaphore := make(chan struct{}, 3)
	results := make(chan string, 10)
	var wg sync.WaitGroup
	for i := 0; i < 10; i++ {
		wg.Add(1)
		go download(fmt.Sprintf("url%d", i), semaphore, results, &wg)
	}
	go func() {
		wg.Wait()
		close(results)
	}()

	count := 0
	for range results {
		count++
	}
	fmt.Printf("Downloaded %d files\n", count)
}
