// The older form: the caller stops waiting, and the goroutine leaks.
package main

import (
	"context"
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func longTask() <-chan string {
	result := make(chan string)
	go func() {
		time.Sleep(50 * second)
		result <- "Done" // without a receiver, this goroutine never ends
	}()
	return result
}

func main() {
	select {
	case result := <-longTask():
		fmt.Println("select and time.After:", result)
	case <-time.After(20 * second):
		fmt.Println("select and time.After: Timeout!")
	}

	ctx, cancel := context.WithTimeout(context.Background(), 20*second)
	defer cancel()
	select {
	case result := <-longTask():
		fmt.Println("select and a context:", result)
	case <-ctx.Done():
		fmt.Println("select and a context: Timeout!")
	}
}
