// Ten thousand concurrent goroutines of 1 ms each, compared with a thousand sequential calls.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const second = 10 * time.Millisecond

func main() {
	var done atomic.Int64
	ioTask := func() {
		time.Sleep(second / 10)
		done.Add(1)
	}

	began := time.Now()
	var wg sync.WaitGroup
	for range 10_000 {
		wg.Go(ioTask)
	}
	wg.Wait()
	atOnce := time.Since(began)
	fmt.Println(done.Load(), "tasks at once")

	began = time.Now()
	for range 1_000 {
		ioTask()
	}
	thousand := time.Since(began)
	fmt.Println("1000 one after another")
	if atOnce < 5*thousand {
		fmt.Println("Ten times as many took less than five times as long")
	}
}
