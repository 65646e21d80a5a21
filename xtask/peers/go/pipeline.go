package main

import "time"

const pipelineStages = 3

// pipelineChannels passes 0..items through stages that do nothing, a goroutine each.
func pipelineChannels(capacity int) func(items int) outcome {
	return func(items int) outcome {
		start := time.Now()
		source := make(chan uint64, capacity)
		go func() {
			defer close(source)
			for item := range items {
				source <- uint64(item)
			}
		}()
		var last <-chan uint64 = source
		for range pipelineStages {
			last = stage(last, capacity)
		}
		return timed(sum(last), time.Since(start))
	}
}

func stage(in <-chan uint64, capacity int) <-chan uint64 {
	out := make(chan uint64, capacity)
	go func() {
		defer close(out)
		for item := range in {
			out <- item
		}
	}()
	return out
}
