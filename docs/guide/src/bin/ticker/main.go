// Work at a steady beat: what the work takes is not added to the time between two beats.
package main

import (
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func main() {
	began, count := time.Now(), 0
	ticker := time.NewTicker(6 * second)
	defer ticker.Stop()
	for range ticker.C {
		count++
		fmt.Println("tick", count)
		time.Sleep(4 * second) // the work
		if count == 5 {
			break
		}
	}
	if time.Since(began) < 44*second {
		fmt.Println("five beats and the last work: 34 s, not 50")
	}
}
