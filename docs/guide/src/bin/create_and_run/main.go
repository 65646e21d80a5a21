// A call runs in the calling goroutine. A function started with WaitGroup.Go runs concurrently.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func hello() {
	fmt.Println("Hello")
	time.Sleep(40 * second)
	fmt.Println("World")
}

func main() {
	hello()
	fmt.Println("Now as a task")
	var wg sync.WaitGroup
	wg.Go(hello)
	time.Sleep(20 * second)
	fmt.Println("Meanwhile, in main")
	wg.Wait()
}
