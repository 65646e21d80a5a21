// Maps the items of a stream, three at a time. The results are in the order of the items.
package main

import (
	"fmt"
	"iter"
	"sync"
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

var atOnce struct {
	sync.Mutex
	running, most int
}

func count(change int) {
	atOnce.Lock()
	defer atOnce.Unlock()
	atOnce.running += change
	atOnce.most = max(atOnce.most, atOnce.running)
}

func square(number int) int {
	count(+1)
	defer count(-1)
	if number%2 == 1 {
		time.Sleep(12 * second)
	} else {
		time.Sleep(6 * second)
	}
	return number * number
}

func main() {
	slots := make(chan struct{}, 3) // an item holds a slot until its result is printed
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
	fmt.Println("most at once:", atOnce.most)
}
