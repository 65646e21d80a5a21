// Nine jobs, three workers. A free worker takes the next job.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

type machine struct {
	mu         sync.Mutex
	busy, most int
}

func (m *machine) count(change int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy += change
	m.most = max(m.most, m.busy)
}

func (m *machine) square(number int) int {
	m.count(1)
	defer m.count(-1)
	time.Sleep(5 * second)
	return number * number
}

func main() {
	var machine machine
	jobs := make(chan int)
	var pool sync.WaitGroup
	for range 3 {
		pool.Go(func() {
			for job := range jobs {
				fmt.Printf("job %d: %d\n", job, machine.square(job))
			}
		})
	}
	for job := range 9 {
		jobs <- job + 1
	}
	close(jobs)
	pool.Wait()
	fmt.Println("most at once:", machine.most)
}
