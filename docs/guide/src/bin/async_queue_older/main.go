// The older form: each function gets the WaitGroup as a parameter and calls Done.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func producer(queue chan<- int, wg *sync.WaitGroup) {
	defer wg.Done()
	for i := 0; i < 5; i++ {
		time.Sleep(second)
		queue <- i
		fmt.Printf("Produced: %d\n", i)
	}
	close(queue)
}

func consumer(queue <-chan int, wg *sync.WaitGroup) {
	defer wg.Done()
	for item := range queue {
		fmt.Printf("Consumed: %d\n", item)
		time.Sleep(second / 2)
	}
}

func main() {
	queue := make(chan int, 10)
	var wg sync.WaitGroup
	wg.Add(2)
	go producer(queue, &wg)
	go consumer(queue, &wg)
	wg.Wait()
}
