// Receives once without waiting, then receives news or mail until both have ended.
package main

import (
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func deliver(first time.Duration, items ...string) <-chan string {
	channel := make(chan string, 10)
	go func() {
		defer close(channel)
		time.Sleep(first)
		for _, item := range items {
			channel <- item
			time.Sleep(40 * second)
		}
	}()
	return channel
}

func main() {
	news := deliver(20*second, "rain", "sun")
	mail := deliver(40*second, "a letter", "a card")

	select {
	case item := <-news:
		fmt.Println("news:", item)
	default:
		fmt.Println("nothing yet")
	}

	for news != nil || mail != nil {
		select {
		case item, ok := <-news:
			if !ok {
				news = nil // a nil channel is never ready
				continue
			}
			fmt.Println("news:", item)
		case item, ok := <-mail:
			if !ok {
				mail = nil
				continue
			}
			fmt.Println("mail:", item)
		}
	}
	fmt.Println("both are at their end")
}
