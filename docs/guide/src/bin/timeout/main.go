// A time limit by select, a time limit by context, and a task that completes in time.
package main

import (
	"context"
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

// task returns when its context ends, as every function that waits should.
func task(ctx context.Context, delay time.Duration) (string, error) {
	select {
	case <-time.After(delay):
		return "Done", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func bySelect() string {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // ends the goroutine when this function returns
	result := make(chan string, 1)
	go func() {
		if done, err := task(ctx, 50*second); err == nil {
			result <- done
		}
	}()
	select {
	case done := <-result:
		return done
	case <-time.After(5 * second):
		return "Timeout!"
	}
}

func byContext(limit, delay time.Duration) string {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	done, err := task(ctx, delay)
	if err != nil {
		return "Timeout!"
	}
	return done
}

func main() {
	fmt.Println("One call:", bySelect())
	fmt.Println("A block:", byContext(5*second, 50*second))
	fmt.Println("In time:", byContext(50*second, second))
}
