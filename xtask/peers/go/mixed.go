package main

import (
	"sync"
	"time"
)

// mixedAtOnce is the limit of concurrent jobs and the capacity for outputs.
const mixedAtOnce = 1_000

// mixedOutput has the start time of a job that does nothing.
type mixedOutput struct {
	value uint64
	begun time.Time
}

// mixedJob does nothing for most items. Of 1,000 jobs, one computes for 2 ms, and 100 sleep for 1
// to 5 ms.
func mixedJob(item uint64) mixedOutput {
	switch place := item % 1_000; {
	case place == 500:
		hashed := item
		for range 100 {
			hashed = hash(hashed)
		}
		return mixedOutput{value: hashed}
	case place%10 == 3:
		time.Sleep(time.Duration(1+place/10%5) * time.Millisecond)
		return mixedOutput{value: item}
	default:
		return mixedOutput{value: item, begun: time.Now()}
	}
}

func mixedPool(items int) outcome {
	start := time.Now()
	jobs := make(chan uint64, mixedAtOnce)
	go func() {
		defer close(jobs)
		for item := range items {
			jobs <- uint64(item)
		}
	}()
	return mixedTimed(start, items, workers(mixedAtOnce, mixedAtOnce, jobs, mixedJob))
}

// mixedSemaphore runs a goroutine per item. A buffered channel limits the number of goroutines.
func mixedSemaphore(items int) outcome {
	start := time.Now()
	results := make(chan mixedOutput, mixedAtOnce)
	go func() {
		defer close(results)
		permits := make(chan struct{}, mixedAtOnce)
		var wg sync.WaitGroup
		for i := range items {
			permits <- struct{}{}
			wg.Go(func() {
				defer func() { <-permits }()
				results <- mixedJob(uint64(i))
			})
		}
		wg.Wait()
	}()
	return mixedTimed(start, items, results)
}

func mixedTimed(start time.Time, items int, results <-chan mixedOutput) outcome {
	times := make([]time.Duration, 0, items)
	var total uint64
	for result := range results {
		if !result.begun.IsZero() {
			times = append(times, time.Since(result.begun))
		}
		total += result.value
	}
	told := timed(total, time.Since(start))
	told.Latency = points(times)
	return told
}
