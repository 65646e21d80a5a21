package main

import "time"

// pingPongChannels hands one item back and forth between two goroutines; each hand-over adds 1 to it. The
// channels are unbuffered, which is how one hands over in Go; the others have queues with room for one.
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
