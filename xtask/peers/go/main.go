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
	{"ping-pong", "go unbuffered channels", pingPongChannels},
	{"io-1m", "go semaphore channel", io1mSemaphore},
	{"io-1m", "go goroutine each", io1mGoroutineEach},
	{"fanout-noop", "go goroutine each", noopGoroutineEach},
	{"fanout-noop", "go worker pool", noopPool},
	{"fanout-cpu", "go worker pool", cpuPool},
	{"memory-100k", "go goroutines", memoryGoroutines},
	{"cancel-10k", "go context", cancelContext},
	{"latency-steady", "go worker pool", latencyPool(steady)},
	{"latency-bursts", "go worker pool", latencyPool(bursts)},
	{"latency-10", "go worker pool", latencyInFlight(10)},
	{"mixed", "go worker pool", mixedPool},
	{"mixed", "go semaphore channel", mixedSemaphore},
	{"queue-cap10", "go channel", queueChannel(1, 3, 10)},
	{"queue-cap10", "go channels, outputs taken", queueOutputs(1, 3, 10)},
	{"queue-cap1024", "go channel", queueChannel(1, 3, 1024)},
	{"queue-cap1024", "go channels, outputs taken", queueOutputs(1, 3, 1024)},
	{"queue-mn", "go channel", queueChannel(4, 4, 128)},
	{"queue-mn", "go channels, outputs taken", queueOutputs(4, 4, 128)},
	{"pipeline-cap10", "go channels", pipelineChannels(10)},
	{"pipeline-cap1024", "go channels", pipelineChannels(1024)},
	{"pipeline-limit16", "go channels", pipeline(10, 16, noop)},
	{"pipeline-1us", "go channels, limit 1", pipeline(10, 1, shortHash)},
	{"pipeline-1us", "go channels, limit 2", pipeline(10, 2, shortHash)},
	{"semaphore", "go channel", semaphoreChannel},
	{"limit-keys", "go mutex map", keysMutexMap},
	{"limit-rate", "go token bucket", rateBucket},
	{"limit-weights", "go condition", weightsCond},
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
