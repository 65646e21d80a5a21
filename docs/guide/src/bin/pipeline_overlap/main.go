// A goroutine for each stage: while the last squares one item, the first doubles another.
package main

import (
	"fmt"
	"strings"
	"time"
)

const second = 10 * time.Millisecond

func stage(in <-chan int, work func(int) int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for data := range in {
			time.Sleep(4 * second)
			out <- work(data)
		}
	}()
	return out
}

func main() {
	began := time.Now()
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
	took := time.Since(began)
	fmt.Println(strings.Trim(fmt.Sprint(results), "[]"))
	if took < 15*4*second {
		fmt.Println("Less than the time of 15 steps: the stages overlap")
	} else {
		fmt.Println("The time of all 15 steps: one item after another")
	}
}
