//go:build xsync

package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

func init() {
	subjects = append(subjects,
		subject{"io-10k", "go errgroup", io10kErrgroup},
		subject{"fanout-noop", "go errgroup", noopErrgroup},
		subject{"cancel-10k", "go errgroup", cancelErrgroup},
		subject{"semaphore", "go x/sync semaphore", semaphoreWeighted},
		subject{"limit-weights", "go x/sync semaphore", weightsWeighted},
	)
}

// io10kErrgroup starts all jobs at once, in a group that returns the first error.
func io10kErrgroup(items int) outcome {
	start := time.Now()
	outputs := make([]uint64, items)
	var group errgroup.Group
	for i := range items {
		group.Go(func() error {
			outputs[i] = ioJob(uint64(i))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		panic(err)
	}
	var total uint64
	for _, output := range outputs {
		total += output
	}
	return timed(total, time.Since(start)).withPeak()
}

// noopErrgroup runs a goroutine per item. The group limits the goroutines to the number of workers
// of the pool.
func noopErrgroup(items int) outcome {
	start := time.Now()
	results := make(chan uint64, poolBuffer)
	go func() {
		defer close(results)
		var group errgroup.Group
		group.SetLimit(poolWorkers)
		for i := range items {
			group.Go(func() error {
				results <- noop(uint64(i))
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			panic(err)
		}
	}()
	return timed(sum(results), time.Since(start))
}

// cancelErrgroup measures from the cancel of the group's parent until the last goroutine has
// returned.
func cancelErrgroup(items int) outcome {
	parent, cancel := context.WithCancel(context.Background())
	defer cancel()
	group, ctx := errgroup.WithContext(parent)
	var begun sync.WaitGroup
	var cancelled atomic.Uint64
	begun.Add(items)
	for range items {
		group.Go(func() error {
			begun.Done()
			err := sleep(ctx, time.Hour)
			if errors.Is(err, context.Canceled) {
				cancelled.Add(1)
			}
			return err
		})
	}
	begun.Wait()

	start := time.Now()
	cancel()
	err := group.Wait()
	elapsed := time.Since(start)
	if !errors.Is(err, context.Canceled) {
		panic(err)
	}
	return timed(cancelled.Load(), elapsed)
}

// semaphoreWeighted acquires one unit of a weighted semaphore each time.
func semaphoreWeighted(items int) outcome {
	start := time.Now()
	permits := semaphore.NewWeighted(semaphorePermits)
	acquired := make(chan uint64, semaphoreTasks)
	var tasks sync.WaitGroup
	for range semaphoreTasks {
		tasks.Go(func() {
			var own uint64
			for range items / semaphoreTasks {
				if err := permits.Acquire(context.Background(), 1); err != nil {
					panic(err)
				}
				own++
				permits.Release(1)
			}
			acquired <- own
		})
	}
	tasks.Wait()
	close(acquired)
	return timed(sum(acquired), time.Since(start))
}

// weightsWeighted runs the jobs in a pool, each while it holds its units.
func weightsWeighted(items int) outcome {
	start := time.Now()
	permits := semaphore.NewWeighted(limitedPermits)
	results := pool(poolWorkers, items, func(item uint64) uint64 {
		weight := int64(item%8 + 1)
		if err := permits.Acquire(context.Background(), weight); err != nil {
			panic(err)
		}
		defer permits.Release(weight)
		return noop(item)
	})
	return timed(sum(results), time.Since(start))
}
