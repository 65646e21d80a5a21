// An iterator function waits between two items. The range loop calls the function.
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
