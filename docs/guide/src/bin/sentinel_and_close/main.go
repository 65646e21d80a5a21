// close ends all receivers after the channel has become empty.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

func main() {
	queue := make(chan int, 10)
	for item := range 6 {
		queue <- item
	}
	close(queue)

	var items, ended atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range queue {
				items.Add(1)
			}
			ended.Add(1)
		})
	}
	wg.Wait()
	fmt.Printf("One close; items received: %d of 6\n", items.Load())
	fmt.Printf("One close; receivers that ended: %d of 3\n", ended.Load())
}
