package main

import (
	"runtime"
	"time"
)

// hash is a fixed amount of computing, 5,000 multiplications in a row.
func hash(item uint64) uint64 {
	return hashFor(item, 11_000)
}

// shortHash takes about a microsecond.
func shortHash(item uint64) uint64 {
	return hashFor(item, 550)
}

func hashFor(item uint64, rounds int) uint64 {
	h := item
	for range rounds {
		h ^= h >> 33
		h = h*0xff51afd7ed558ccd + 1
	}
	return h
}

// cpuPool has as many workers as Go uses cores.
func cpuPool(items int) outcome {
	start := time.Now()
	results := pool(runtime.GOMAXPROCS(0), items, hash)
	return timed(sum(results), time.Since(start))
}
