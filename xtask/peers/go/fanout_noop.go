package main

import "time"

const poolWorkers = 16

func noop(item uint64) uint64 { return item }

func noopGoroutineEach(items int) outcome {
	start := time.Now()
	results := goroutineEach(items, noop)
	return timed(sum(results), time.Since(start))
}

func noopPool(items int) outcome {
	start := time.Now()
	results := pool(poolWorkers, items, noop)
	return timed(sum(results), time.Since(start))
}
