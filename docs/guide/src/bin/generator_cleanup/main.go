// A generator that is abandoned before its end is cleaned up immediately.
package main

import (
	"fmt"
	"iter"
	"time"
)

const second = 10 * time.Millisecond

func rows() iter.Seq[int] {
	return func(yield func(int) bool) {
		fmt.Println("cursor opened")
		defer fmt.Println("cursor closed")
		for number := 1; number < 1_000_000; number++ {
			time.Sleep(second)
			if !yield(number) {
				return
			}
		}
	}
}

func first(rows iter.Seq[int]) int {
	next, stop := iter.Pull(rows)
	defer stop() // without this call the generator never cleans up
	row, _ := next()
	fmt.Println("first row", row)
	return row
}

func main() {
	for row := range rows() {
		fmt.Println("row", row)
		if row == 2 {
			break
		}
	}
	fmt.Println("after the loop")

	first(rows())
	fmt.Println("after the first")
}
