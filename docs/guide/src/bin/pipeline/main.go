// Three stages with channels between them. The first stage doubles while the last squares.
package main

import (
	"context"
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

// stage ends when its input or the context ends, so its output need not be drained.
func stage(ctx context.Context, in <-chan int, work func(int) int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for data := range in {
			time.Sleep(second)
			select {
			case out <- work(data):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func feed(ctx context.Context, items ...int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for _, item := range items {
			select {
			case out <- item:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	doubled := stage(ctx, feed(ctx, 1, 2, 3, 4, 5), func(data int) int { return data * 2 })
	added := stage(ctx, doubled, func(data int) int { return data + 10 })
	squared := stage(ctx, added, func(data int) int { return data * data })
	for result := range squared {
		fmt.Println("Pipeline result:", result)
	}
}
