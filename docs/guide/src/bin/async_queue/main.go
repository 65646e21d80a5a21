// One goroutine sends, another receives. close marks the end of the items.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func producer(queue chan<- int) {
	defer close(queue)
	for item := range 5 {
		time.Sleep(second)
		queue <- item
		fmt.Println("Produced:", item)
	}
}

func consumer(queue <-chan int) {
	for item := range queue {
		fmt.Println("Consumed:", item)
		time.Sleep(second / 2)
	}
	fmt.Println("The queue has ended")
}

func main() {
	queue := make(chan int, 10)
	var wg sync.WaitGroup
	wg.Go(func() { producer(queue) })
	wg.Go(func() { consumer(queue) })
	wg.Wait()
}
