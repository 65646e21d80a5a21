// Before WaitGroup.Go: explicit calls of Add and Done.
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
	wg.Add(1)
	go func() {
		defer wg.Done()
		hello()
	}()
	time.Sleep(20 * second)
	fmt.Println("Meanwhile, in main")
	wg.Wait()
}
