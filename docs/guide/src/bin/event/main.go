// Three guests wait for the door to open. A later guest does not wait.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func visit(door <-chan struct{}, guest string) {
	<-door
	fmt.Println(guest, "goes in")
}

func main() {
	door := make(chan struct{})
	var guests sync.WaitGroup
	for range 3 {
		guests.Go(func() { visit(door, "a guest") })
	}
	time.Sleep(5 * second)
	fmt.Println("the door opens")
	close(door)
	guests.Wait()
	fmt.Println("all are in")
	visit(door, "a late one")
}
