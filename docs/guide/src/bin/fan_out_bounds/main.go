// One goroutine per item has no limit. A pool has a fixed number of goroutines.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

type atOnce struct {
	mu        sync.Mutex
	now, most int
}

func (a *atOnce) count(change int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now += change
	a.most = max(a.most, a.now)
}

func (a *atOnce) job() {
	a.count(+1)
	time.Sleep(20 * second)
	a.count(-1)
}

func main() {
	var each, pool atOnce
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(each.job)
	}
	wg.Wait()
	fmt.Printf("A goroutine for each of 100: %d at once\n", each.most)

	items := make(chan int)
	for range 50 {
		wg.Go(func() {
			for range items {
				pool.job()
			}
		})
	}
	for item := range 100 {
		items <- item
	}
	close(items)
	wg.Wait()
	fmt.Printf("A pool of 50 for 100: %d at once\n", pool.most)
}
