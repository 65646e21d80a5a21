package main

import (
	"sync"
	"time"
)

// produce sends 0..items over one buffered channel, each producer its share.
func produce(producers, capacity, items int) <-chan uint64 {
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
	return queue
}

// queueChannel passes 0..items from producers to consumers, which keep the received items.
func queueChannel(producers, consumers, capacity int) func(items int) outcome {
	return func(items int) outcome {
		start := time.Now()
		queue := produce(producers, capacity, items)
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

// queueOutputs passes 0..items from producers to consumers, and the output of each item to one
// receiver. Each item passes through two channels of the same capacity, as in a run of producers
// and consumers.
func queueOutputs(producers, consumers, capacity int) func(items int) outcome {
	return func(items int) outcome {
		start := time.Now()
		queue := produce(producers, capacity, items)
		return timed(sum(workers(consumers, capacity, queue, noop)), time.Since(start))
	}
}
