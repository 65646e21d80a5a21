// Every call and goroutine of a request knows the user, through the context.
package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

type userKey struct{}

func user(ctx context.Context) string {
	if name, ok := ctx.Value(userKey{}).(string); ok {
		return name
	}
	return "nobody"
}

func query(ctx context.Context, table string) {
	time.Sleep(second)
	fmt.Printf("[%s] reads %s\n", user(ctx), table)
}

func handle(ctx context.Context, name string) {
	ctx = context.WithValue(ctx, userKey{}, name)
	var group sync.WaitGroup
	group.Go(func() { query(ctx, "users") })
	group.Go(func() { query(ctx, "orders") })
	group.Wait()
}

func main() {
	ctx := context.Background()
	var group sync.WaitGroup
	group.Go(func() { handle(ctx, "ada") })
	group.Go(func() { handle(ctx, "bob") })
	group.Wait()
	fmt.Println("outside:", user(ctx))
}
