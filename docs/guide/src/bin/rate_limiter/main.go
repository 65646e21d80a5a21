// One request every 6 s: limits the rate of starts, not the number of running requests.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func request(number int) {
	time.Sleep(120 * second)
	fmt.Println("answer", number)
}

func main() {
	turns := time.NewTicker(6 * second)
	defer turns.Stop()

	var requests sync.WaitGroup
	var waits []time.Duration
	for number := 1; number <= 5; number++ {
		came := time.Now()
		if number > 1 {
			<-turns.C
		}
		waits = append(waits, time.Since(came))
		fmt.Println("request", number)
		requests.Go(func() { request(number) })
	}
	var others time.Duration
	for _, wait := range waits[1:] {
		others += wait
	}
	if others > 10*waits[0] {
		fmt.Println("the first went at once, the others were held back")
	}
	requests.Wait()
}
