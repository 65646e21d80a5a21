// A goroutine cannot be stopped from outside. It watches its context, cleans up and returns.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func sleep(ctx context.Context, delay time.Duration) error {
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func work(ctx context.Context) error {
	fmt.Println("Working")
	defer fmt.Println("Cleaning up")
	if err := sleep(ctx, 100*second); err != nil {
		return err
	}
	fmt.Println("never printed")
	return nil
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- work(ctx) }()
	time.Sleep(10 * second)
	cancel()
	if errors.Is(<-result, context.Canceled) {
		fmt.Println("The task was cancelled")
	}

	ctx, cancel = context.WithCancel(context.Background())
	errs := make([]error, 3)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = sleep(ctx, 100*second) })
	}
	time.Sleep(10 * second)
	cancel()
	wg.Wait()
	cancelled := 0
	for _, err := range errs {
		if errors.Is(err, context.Canceled) {
			cancelled++
		}
	}
	fmt.Printf("A group: %d of %d were cancelled\n", cancelled, len(errs))
}
