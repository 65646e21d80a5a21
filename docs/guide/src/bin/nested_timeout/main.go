// A time limit for each step within a limit for the request. The earlier limit ends the step.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

var (
	errRequest = errors.New("the time of the request is up")
	errStep    = errors.New("its own time is up")
)

func step(ctx context.Context, name string, limit, takes time.Duration) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errStep)
	defer cancel()

	select {
	case <-time.After(takes):
		fmt.Printf("%s: done\n", name)
	case <-ctx.Done():
		fmt.Printf("%s: %v\n", name, context.Cause(ctx))
	}
}

func main() {
	request, cancel := context.WithTimeoutCause(context.Background(), 40*second, errRequest)
	defer cancel()

	step(request, "cache", 3*second, 100*second)
	step(request, "index", 20*second, 2*second)
	step(request, "archive", 100*second, 200*second)
}
