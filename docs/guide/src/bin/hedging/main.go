// Sends a second request if the first is slow. The first answer cancels the other request.
package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

type replica struct {
	name  string
	takes time.Duration
}

func (r replica) ask(ctx context.Context, answers chan<- string) {
	fmt.Println("asking", r.name)
	select {
	case <-time.After(r.takes):
		answers <- "answer of " + r.name
	case <-ctx.Done():
	}
}

func hedged(first, other replica) string {
	var requests sync.WaitGroup
	defer requests.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	answers := make(chan string, 2) // so that a second send does not block
	requests.Go(func() { first.ask(ctx, answers) })
	select {
	case answer := <-answers:
		return answer
	case <-time.After(20 * second):
		requests.Go(func() { other.ask(ctx, answers) })
		return <-answers
	}
}

func main() {
	fmt.Println(hedged(replica{"A", 2 * second}, replica{"B", 2 * second}))
	fmt.Println(hedged(replica{"C", 100 * second}, replica{"D", 2 * second}))
}
