package main

import (
	"sync"
	"time"
)

const atOnce = 10_000

// io1mSemaphore runs a goroutine per item. A buffered channel limits the number of goroutines.
func io1mSemaphore(items int) outcome {
	start := time.Now()
	results := make(chan uint64, atOnce)
	go func() {
		defer close(results)
		permits := make(chan struct{}, atOnce)
		var wg sync.WaitGroup
		for i := range items {
			permits <- struct{}{}
			wg.Go(func() {
				defer func() { <-permits }()
				results <- ioJob(uint64(i))
			})
		}
		wg.Wait()
	}()
	return timed(sum(results), time.Since(start)).withPeak()
}

// io1mGoroutineEach runs a goroutine per item, all of them at once.
func io1mGoroutineEach(items int) outcome {
	start := time.Now()
	results := goroutineEach(items, ioJob)
	return timed(sum(results), time.Since(start)).withPeak()
}
