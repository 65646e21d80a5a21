// Work at a steady beat: what the work takes is not added to the time between two beats.
package main

import (
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func main() {
	began := time.Now()
	ticker := time.NewTicker(6 * second)
	defer ticker.Stop()
	for count := range 5 {
		<-ticker.C
		fmt.Println("tick", count+1)
		time.Sleep(4 * second) // the work
	}
	if time.Since(began) < 48*second {
		fmt.Println("five beats and the last work: 34 s, not 50")
	}
}
