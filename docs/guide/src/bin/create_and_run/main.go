// A function is called and waited for, or started with go.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func hello(name string) {
	fmt.Printf("Hello from %s\n", name)
	time.Sleep(second)
	fmt.Printf("World of %s\n", name)
}

func main() {
	hello("the one awaited")
	var wg sync.WaitGroup
	made := make(chan struct{})
	wg.Go(func() {
		<-made // a goroutine may begin at any time
		hello("the task")
	})
	fmt.Println("The task is made")
	close(made)
	wg.Wait()
}
