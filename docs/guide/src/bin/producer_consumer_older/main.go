// The older form: one WaitGroup, passed to each goroutine, with explicit calls of Add and Done.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func producer(queue chan<- int, n int, wg *sync.WaitGroup) {
	defer wg.Done()
	for i := 0; i < n; i++ {
		time.Sleep(second)
		queue <- i
		fmt.Printf("Produced %d\n", i)
	}
	close(queue)
}

func consumer(queue <-chan int, wg *sync.WaitGroup) {
	defer wg.Done()
	for item := range queue {
		fmt.Printf("Consumed %d\n", item)
		time.Sleep(2 * second)
	}
}

func main() {
	queue := make(chan int, 10)
	var wg sync.WaitGroup
	wg.Add(1)
	go producer(queue, 10, &wg)
	for i := 0; i < 3; i++ {
		wg.Add(1)
		go consumer(queue, &wg)
	}
	wg.Wait()
	fmt.Println("Everything is consumed")
}
