// Periodic work: the duration of the work is not added to the period.
package main

import (
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func work() {
	time.Sleep(8 * second)
}

func main() {
	began := time.Now()
	ticker := time.NewTicker(10 * second)
	defer ticker.Stop()
	for count := range 5 {
		<-ticker.C
		fmt.Println("tick", count+1)
		work()
	}
	steady := time.Since(began)

	began = time.Now()
	for range 5 {
		time.Sleep(10 * second)
		work()
	}
	if steady < time.Since(began) {
		fmt.Println("a sleep before each work takes longer")
	}
}
