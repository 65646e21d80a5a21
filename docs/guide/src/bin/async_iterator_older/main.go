// The older form: a goroutine that sends to a channel. A break in the loop leaks the goroutine.
package main

import (
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func asyncIterator(n int) <-chan int {
	ch := make(chan int)
	go func() {
		defer close(ch)
		for i := 1; i <= n; i++ {
			time.Sleep(second / 2)
			ch <- i
		}
	}()
	return ch
}

func main() {
	for i := range asyncIterator(5) {
		fmt.Printf("Got: %d\n", i)
	}
}
