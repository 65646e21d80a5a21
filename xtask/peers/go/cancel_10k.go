package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// cancelContext measures from the cancel until the last goroutine has returned.
func cancelContext(items int) outcome {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	ends := make([]error, items)
	var begun, gone sync.WaitGroup
	begun.Add(items)
	for i := range items {
		gone.Go(func() {
			begun.Done()
			ends[i] = sleep(ctx, time.Hour)
		})
	}
	begun.Wait()

	start := time.Now()
	cancel()
	gone.Wait()
	elapsed := time.Since(start)

	var cancelled uint64
	for _, end := range ends {
		if errors.Is(end, context.Canceled) {
			cancelled++
		}
	}
	return timed(cancelled, elapsed)
}

// sleep returns early, with the context's error, when the context is cancelled.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
