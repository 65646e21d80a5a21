// The document's benchmark, compared with the document's lowest figure for Go, 0.5 s.
package main

import (
	"fmt"
	"sync"
	"time"
)

func ioTask() {
	time.Sleep(time.Millisecond)
}

func benchmark() time.Duration {
	began := time.Now()
	var tasks sync.WaitGroup
	for range 10_000 {
		tasks.Go(ioTask)
	}
	tasks.Wait()
	return time.Since(began)
}

func main() {
	best := benchmark()
	for range 4 {
		best = min(best, benchmark())
	}
	than := "less than"
	if best >= 500*time.Millisecond {
		than = "no less than"
	}
	fmt.Println("10,000 tasks took", than, "the document's 0.5 s for Go")
}
