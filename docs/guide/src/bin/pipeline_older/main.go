// The older form: stages that stop only at the end of their input.
package main

import (
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func stage1(in <-chan int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for data := range in {
			time.Sleep(second)
			out <- data * 2
		}
	}()
	return out
}

func stage2(in <-chan int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for data := range in {
			time.Sleep(second)
			out <- data + 10
		}
	}()
	return out
}

func stage3(in <-chan int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for data := range in {
			time.Sleep(second)
			out <- data * data
		}
	}()
	return out
}

func main() {
	input := make(chan int)
	pipeline := stage3(stage2(stage1(input)))
	go func() {
		defer close(input)
		for _, item := range []int{1, 2, 3, 4, 5} {
			input <- item
		}
	}()
	for result := range pipeline {
		fmt.Printf("Pipeline result: %d\n", result)
	}
}
