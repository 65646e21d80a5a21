package main

import (
	"sync"
	"time"
)

// queueChannel hands 0..items from producers, each with its share, to consumers over one buffered channel.
func queueChannel(producers, consumers, capacity int) func(items int) outcome {
	return func(items int) outcome {
		start := time.Now()
		queue := make(chan uint64, capacity)

		var producing sync.WaitGroup
		for share := range producers {
			producing.Go(func() {
				for item := items * share / producers; item < items*(share+1)/producers; item++ {
					queue <- uint64(item)
				}
			})
		}
		go func() {
			producing.Wait()
			close(queue)
		}()

		sums := make(chan uint64, consumers)
		var consuming sync.WaitGroup
		for range consumers {
			consuming.Go(func() { sums <- sum(queue) })
		}
		consuming.Wait()
		close(sums)
		return timed(sum(sums), time.Since(start))
	}
}
