// Command peers runs the benchmark's workloads in Go, one per process:
//
//	peers list
//	peers run WORKLOAD SUBJECT ITEMS
package main

import (
	"fmt"
	"os"
)

type subject struct {
	workload string
	name     string
	run      func(items int) outcome
}

var subjects = []subject{
	{"io-10k", "go WaitGroup", io10kWaitGroup},
	{"io-1m", "go semaphore channel", io1mSemaphore},
	{"io-1m", "go goroutine each", io1mGoroutineEach},
	{"fanout-noop", "go goroutine each", noopGoroutineEach},
	{"fanout-noop", "go worker pool", noopPool},
	{"fanout-cpu", "go worker pool", cpuPool},
	{"memory-100k", "go goroutines", memoryGoroutines},
	{"cancel-10k", "go context", cancelContext},
}

func main() {
	request, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(2)
	}
	if err := request.answer(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}
