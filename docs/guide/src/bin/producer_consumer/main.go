// One producer, three consumers, a channel of capacity ten. close ends all consumers.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const second = 10 * time.Millisecond

func producer(queue chan<- int, n int) {
	defer close(queue)
	for item := range n {
		time.Sleep(second)
		queue <- item
		fmt.Println("Produced", item)
	}
}

func main() {
	queue := make(chan int, 10)
	var wg sync.WaitGroup
	wg.Go(func() { producer(queue, 10) })
	var count atomic.Int64
	for range 3 {
		wg.Go(func() {
			for item := range queue {
				time.Sleep(2 * second)
				fmt.Println("Consumed", item)
				count.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Printf("All %d are consumed\n", count.Load())
}
