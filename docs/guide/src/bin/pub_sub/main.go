// Every subscriber receives every message that is published after its subscription.
package main

import (
	"fmt"
	"strings"
	"sync"
)

type topic struct {
	mu          sync.Mutex
	subscribers []chan string
}

func (t *topic) subscribe(capacity int) <-chan string {
	t.mu.Lock()
	defer t.mu.Unlock()
	channel := make(chan string, capacity)
	t.subscribers = append(t.subscribers, channel)
	return channel
}

func (t *topic) publish(message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, channel := range t.subscribers {
		channel <- message
	}
}

func (t *topic) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, channel := range t.subscribers {
		close(channel)
	}
}

func main() {
	var weather topic
	var group sync.WaitGroup
	var early, late []string
	read := func(messages *[]string) {
		channel := weather.subscribe(10)
		group.Go(func() {
			for message := range channel {
				*messages = append(*messages, message)
			}
		})
	}
	read(&early)
	weather.publish("rain")
	read(&late)
	weather.publish("wind")
	weather.publish("sun")
	weather.close()
	group.Wait()
	fmt.Println("early:", strings.Join(early, " "))
	fmt.Println("late:", strings.Join(late, " "))
}
