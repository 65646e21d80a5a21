// Ten thousand goroutines of a millisecond each, all at once, beside a hundred calls one after another.
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
	for range 100 {
		ioTask()
	}
	hundred := time.Since(began)
	fmt.Println("100 one after another")
	if atOnce < 10*hundred {
		fmt.Println("A hundred times as many took less than ten times as long")
	}
}
