// An iterator function, called by range. The function sleeps before each item.
package main

import (
	"fmt"
	"iter"
	"time"
)

const second = 10 * time.Millisecond

func numbers(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer fmt.Println("The generator is closed")
		for i := range n {
			time.Sleep(second / 2)
			if !yield(i + 1) {
				return
			}
		}
	}
}

func main() {
	for i := range numbers(3) {
		fmt.Println("Got:", i)
	}
	for i := range numbers(1_000_000) {
		fmt.Printf("Got: %d, enough\n", i)
		break
	}
}
