package main

import (
	"sync"
	"time"
)

const pipelineStages = 3

// pipelineChannels passes 0..items through stages that do nothing, a goroutine each.
func pipelineChannels(capacity int) func(items int) outcome {
	return pipeline(capacity, 1, noop)
}

// pipeline passes 0..items through stages of the job, with limit goroutines for each stage.
func pipeline(capacity, limit int, job func(uint64) uint64) func(items int) outcome {
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
			last = stage(last, capacity, limit, job)
		}
		return timed(sum(last), time.Since(start))
	}
}

func stage(in <-chan uint64, capacity, limit int, job func(uint64) uint64) <-chan uint64 {
	out := make(chan uint64, capacity)
	var working sync.WaitGroup
	for range limit {
		working.Go(func() {
			for item := range in {
				out <- job(item)
			}
		})
	}
	go func() {
		working.Wait()
		close(out)
	}()
	return out
}
