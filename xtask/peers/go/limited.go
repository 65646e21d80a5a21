package main

import (
	"slices"
	"sync"
	"time"
)

const (
	limitedKeys    = 1_000
	ratePerSecond  = 1_000
	rateBurst      = 10
	limitedPermits = 32
)

// keyed has a lock for each key. A lock is removed when no goroutine holds the lock or waits for
// the lock.
type keyed struct {
	mu    sync.Mutex
	locks map[uint64]*keyLock
}

type keyLock struct {
	sync.Mutex
	users int
}

func (k *keyed) with(key uint64, work func()) {
	k.mu.Lock()
	lock := k.locks[key]
	if lock == nil {
		lock = new(keyLock)
		k.locks[key] = lock
	}
	lock.users++
	k.mu.Unlock()

	lock.Lock()
	work()
	lock.Unlock()

	k.mu.Lock()
	lock.users--
	if lock.users == 0 {
		delete(k.locks, key)
	}
	k.mu.Unlock()
}

// keysMutexMap runs the jobs in a pool, each while it holds the lock of its key.
func keysMutexMap(items int) outcome {
	start := time.Now()
	keys := keyed{locks: make(map[uint64]*keyLock)}
	results := pool(poolWorkers, items, func(item uint64) (output uint64) {
		keys.with(item%limitedKeys, func() { output = noop(item) })
		return output
	})
	return timed(sum(results), time.Since(start))
}

// bucket is a token bucket: a caller reserves a time, and sleeps until that time.
type bucket struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
}

func (b *bucket) wait() {
	b.mu.Lock()
	now := time.Now()
	b.tokens = min(b.tokens+now.Sub(b.last).Seconds()*ratePerSecond, rateBurst)
	b.last = now
	b.tokens--
	missing := -b.tokens
	b.mu.Unlock()
	if missing > 0 {
		time.Sleep(time.Duration(missing / ratePerSecond * float64(time.Second)))
	}
}

// rateBucket takes a token in the job, and reports the delay of each start.
func rateBucket(items int) outcome {
	begin := time.Now()
	tokens := bucket{tokens: rateBurst, last: begin}
	var mu sync.Mutex
	starts := make([]time.Time, 0, items)
	results := pool(poolWorkers, items, func(item uint64) uint64 {
		tokens.wait()
		now := time.Now()
		mu.Lock()
		starts = append(starts, now)
		mu.Unlock()
		return item
	})
	told := timed(sum(results), time.Since(begin))
	slices.SortFunc(starts, time.Time.Compare)
	late := make([]time.Duration, 0, items)
	for number, start := range starts {
		allowed := begin.Add(time.Duration(max(0, number+1-rateBurst)) * time.Second / ratePerSecond)
		late = append(late, max(0, start.Sub(allowed)))
	}
	told.Latency = points(late)
	return told
}

// weighted is a weighted semaphore, built from a mutex and a condition variable.
type weighted struct {
	mu    sync.Mutex
	freed sync.Cond
	free  uint64
}

// weightsCond runs the jobs in a pool, each while it holds its permits.
func weightsCond(items int) outcome {
	start := time.Now()
	permits := weighted{free: limitedPermits}
	permits.freed.L = &permits.mu
	results := pool(poolWorkers, items, func(item uint64) uint64 {
		weight := item%8 + 1
		permits.mu.Lock()
		for permits.free < weight {
			permits.freed.Wait()
		}
		permits.free -= weight
		permits.mu.Unlock()
		output := noop(item)
		permits.mu.Lock()
		permits.free += weight
		permits.mu.Unlock()
		permits.freed.Broadcast()
		return output
	})
	return timed(sum(results), time.Since(start))
}
