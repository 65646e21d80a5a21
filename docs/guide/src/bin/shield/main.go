// A request times out. The save that the request has started is not cancelled.
package main

import (
	"context"
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func save(ctx context.Context, rows int) int {
	select {
	case <-time.After(20 * second):
		fmt.Println("the saving is done")
		return rows
	case <-ctx.Done():
		return 0
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*second)
	defer cancel()

	saved := make(chan int, 1)
	go func() { saved <- save(context.WithoutCancel(ctx), 3) }()

	select {
	case rows := <-saved:
		fmt.Println("saved in time:", rows, "rows")
		return
	case <-ctx.Done():
		fmt.Println("the request is out of time")
	}
	fmt.Println("saved all the same:", <-saved, "rows")
}
