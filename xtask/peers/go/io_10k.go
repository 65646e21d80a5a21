package main

import (
	"sync"
	"time"
)

// ioJob simulates a call over the network.
func ioJob(item uint64) uint64 {
	time.Sleep(time.Millisecond)
	return item
}

// io10kWaitGroup starts all jobs at once. Each goroutine has its own slot for its output.
func io10kWaitGroup(items int) outcome {
	start := time.Now()
	outputs := make([]uint64, items)
	var wg sync.WaitGroup
	for i := range items {
		wg.Go(func() { outputs[i] = ioJob(uint64(i)) })
	}
	wg.Wait()
	var sum uint64
	for _, output := range outputs {
		sum += output
	}
	return timed(sum, time.Since(start)).withPeak()
}
