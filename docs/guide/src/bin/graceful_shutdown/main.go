// After SIGINT the program takes no new requests and completes the started requests.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const second = 10 * time.Millisecond

func handle(number int) {
	fmt.Printf("request %d begins\n", number)
	if number == 3 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil { // simulates Ctrl-C
			panic(err)
		}
	}
	time.Sleep(100 * second)
	fmt.Printf("finished: request %d\n", number)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	arrivals := time.NewTicker(20 * second)
	defer arrivals.Stop()
	var requests sync.WaitGroup
	for number := 1; ctx.Err() == nil; number++ {
		requests.Go(func() { handle(number) })
		select {
		case <-arrivals.C: // the next request has arrived
		case <-ctx.Done():
		}
	}
	stop() // a second Ctrl-C ends the program at once
	fmt.Println("no new requests")
	requests.Wait()
	fmt.Println("shut down")
}
