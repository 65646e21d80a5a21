// After the timeout the goroutine continues. Its send then never ends, without a receiver.
package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

const second = 10 * time.Millisecond

var worked atomic.Bool

func longTask() <-chan string {
	result := make(chan string)
	go func() {
		time.Sleep(100 * second)
		worked.Store(true)
		result <- "Done"
	}()
	return result
}

func main() {
	before := runtime.NumGoroutine()
	select {
	case result := <-longTask():
		fmt.Println(result)
	case <-time.After(2 * second):
		fmt.Println("Timeout!")
	}
	fmt.Println("Goroutines left at the timeout:", runtime.NumGoroutine()-before)
	for !worked.Load() {
		time.Sleep(second)
	}
	fmt.Println("The goroutine went on to its end")
	time.Sleep(20 * second)
	fmt.Println("Goroutines left long after, in a send for ever:", runtime.NumGoroutine()-before)
}
