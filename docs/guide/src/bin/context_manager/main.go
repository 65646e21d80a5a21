// A resource, acquired first and released by defer: in main and in a separate goroutine.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

type resource struct{}

func acquire() *resource {
	fmt.Println("Acquiring resource")
	time.Sleep(second)
	return &resource{}
}

func (r *resource) release() {
	time.Sleep(second)
	fmt.Println("Releasing resource")
}

func (r *resource) doWork(what string) {
	fmt.Println(what)
	time.Sleep(2 * second)
}

func work() {
	r := acquire()
	defer r.release()
	r.doWork("Working...")
}

func threeJobs() {
	r := acquire()
	defer r.release()
	for job := range 3 {
		r.doWork(fmt.Sprintf("Job %d", job))
	}
}

func guarded() {
	fmt.Println("Opened")
	defer fmt.Println("Closed")
	fmt.Println("Inside")
}

func main() {
	work()
	fmt.Println("Three jobs, one resource:")
	var wg sync.WaitGroup
	wg.Go(threeJobs)
	wg.Wait()
	fmt.Println("Without an await:")
	guarded()
}
