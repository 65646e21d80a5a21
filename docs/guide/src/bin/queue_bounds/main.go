// A channel is always bounded. Without a capacity, a send waits for a receive.
package main

import "fmt"

// sendWithoutAReceiver sends up to 1,000 items, until the channel is full.
func sendWithoutAReceiver(queue chan int) int {
	for item := range 1000 {
		select {
		case queue <- item:
		default:
			return len(queue)
		}
	}
	return len(queue)
}

func main() {
	buffered := sendWithoutAReceiver(make(chan int, 10))
	fmt.Printf("make(chan int, 10): took %d of 1000, then the sender waits\n", buffered)
	unbuffered := sendWithoutAReceiver(make(chan int))
	fmt.Printf("make(chan int): took %d of 1000, then the sender waits\n", unbuffered)
}
