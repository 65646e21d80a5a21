package main

import (
	"strconv"
	"sync"
	"sync/atomic"
)

// memoryGoroutines lets every goroutine wait for a channel to be closed.
func memoryGoroutines(items int) outcome {
	before, _ := memoryKiB("VmRSS")
	release := make(chan struct{})
	var waiting, finished sync.WaitGroup
	var released atomic.Uint64
	waiting.Add(items)
	for range items {
		finished.Go(func() {
			waiting.Done()
			<-release
			released.Add(1)
		})
	}
	waiting.Wait()
	during, known := memoryKiB("VmRSS")
	close(release)
	finished.Wait()

	result := outcome{Answer: strconv.FormatUint(released.Load(), 10)}
	if known {
		each := (float64(during) - float64(before)) * 1024 / float64(items)
		result.BytesEach = &each
	}
	return result
}
