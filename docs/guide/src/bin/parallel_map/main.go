// Each item of a stream is worked on, three at a time; the results come in the order of the items.
package main

import (
	"fmt"
	"iter"
	"time"
)

const second = 10 * time.Millisecond

func numbers() iter.Seq[int] {
	return func(yield func(int) bool) {
		for number := range 8 {
			if !yield(number + 1) {
				return
			}
		}
	}
}

func square(number int) int {
	if number%2 == 1 {
		time.Sleep(12 * second)
	} else {
		time.Sleep(6 * second)
	}
	return number * number
}

func main() {
	began := time.Now()
	slots := make(chan struct{}, 3) // taken by an item until its result is
	begun := make(chan (<-chan int), cap(slots))
	go func() {
		defer close(begun)
		for number := range numbers() {
			slots <- struct{}{}
			result := make(chan int, 1)
			go func() { result <- square(number) }()
			begun <- result
		}
	}()
	for result := range begun {
		fmt.Println(<-result)
		<-slots
	}
	if time.Since(began) < 56*second {
		fmt.Println("faster than the 72 s of one after another")
	}
}
