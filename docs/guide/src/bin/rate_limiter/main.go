// One request every 4 s, however long they take: a limit of a rate, not of how many run at once.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func request(number int) {
	time.Sleep(40 * second)
	fmt.Println("answer", number)
}

func main() {
	began := time.Now()
	turns := time.NewTicker(4 * second)
	defer turns.Stop()

	var requests sync.WaitGroup
	for number := 1; number <= 5; number++ {
		if number > 1 {
			<-turns.C
		}
		fmt.Println("request", number)
		requests.Go(func() { request(number) })
	}
	if time.Since(began) > 15*second {
		fmt.Println("the fifth was held back for 16 s")
	}
	requests.Wait()
	if time.Since(began) < 120*second {
		fmt.Println("none waited for another's answer")
	}
}
