// One goroutine per stage. The first stage doubles one item while the last squares another.
package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

var steps struct {
	sync.Mutex
	running, most int
}

func count(change int) {
	steps.Lock()
	defer steps.Unlock()
	steps.running += change
	steps.most = max(steps.most, steps.running)
}

func stage(in <-chan int, work func(int) int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for data := range in {
			count(+1)
			time.Sleep(4 * second)
			count(-1)
			out <- work(data)
		}
	}()
	return out
}

func main() {
	input := make(chan int)
	go func() {
		defer close(input)
		for item := range 5 {
			input <- item + 1
		}
	}()
	doubled := stage(input, func(data int) int { return data * 2 })
	added := stage(doubled, func(data int) int { return data + 10 })
	squared := stage(added, func(data int) int { return data * data })

	var results []int
	for result := range squared {
		results = append(results, result)
	}
	fmt.Println(strings.Trim(fmt.Sprint(results), "[]"))
	fmt.Println("Most steps at once:", steps.most)
}
