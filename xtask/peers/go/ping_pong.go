package main

import "time"

// pingPongChannels passes one item back and forth between two goroutines. Each pass adds 1 to the
// item. The channels are unbuffered, as is usual in Go; the peers in other languages have queues of
// capacity one.
func pingPongChannels(items int) outcome {
	start := time.Now()
	there, back := make(chan uint64), make(chan uint64)
	go func() {
		defer close(back)
		for item := range there {
			back <- item + 1
		}
	}()
	last := make(chan uint64)
	go func() {
		defer close(there)
		var item uint64
		for range items / 2 {
			there <- item + 1
			item = <-back
		}
		last <- item
	}()
	return timed(<-last, time.Since(start))
}
