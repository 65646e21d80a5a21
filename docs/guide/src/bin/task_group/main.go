// A task group: the first failure stops the other tasks, and the group waits for all tasks.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func load(ctx context.Context, table string, takes time.Duration) error {
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		fmt.Println(table, "was stopped")
		return ctx.Err()
	}
	if table == "prices" {
		return errors.New(table + " failed: no such table")
	}
	fmt.Println(table, "loaded")
	return nil
}

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)

	var group sync.WaitGroup
	start := func(table string, takes time.Duration) {
		group.Go(func() {
			if err := load(ctx, table, takes); err != nil {
				cancel(err) // only the first call has an effect
			}
		})
	}
	start("users", 2*second)
	start("prices", 20*second)
	start("orders", 200*second)
	group.Wait()

	if err := context.Cause(ctx); err != nil {
		fmt.Println(err)
	}
}
