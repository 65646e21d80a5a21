package main

import (
	"sync"
	"time"
)

const (
	semaphoreTasks   = 100
	semaphorePermits = 3
)

// semaphoreChannel uses a buffered channel as the semaphore: a send acquires, a receive releases.
func semaphoreChannel(items int) outcome {
	start := time.Now()
	permits := make(chan struct{}, semaphorePermits)
	acquired := make(chan uint64, semaphoreTasks)
	var tasks sync.WaitGroup
	for range semaphoreTasks {
		tasks.Go(func() {
			var own uint64
			for range items / semaphoreTasks {
				permits <- struct{}{}
				own++
				<-permits
			}
			acquired <- own
		})
	}
	tasks.Wait()
	close(acquired)
	return timed(sum(acquired), time.Since(start))
}
