// A deferred call runs on return and on panic, and gets no information about the outcome.
// In an abandoned goroutine it runs only if the goroutine returns before main does.
package main

import (
	"errors"
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func work(takes time.Duration, err error) error {
	defer func() {
		time.Sleep(second)
		fmt.Println("Released")
	}()
	time.Sleep(takes)
	return err
}

func panics() {
	defer func() { fmt.Println("Recovered:", recover()) }()
	defer fmt.Println("Released")
	panic("index out of range")
}

func main() {
	if work(second, nil) == nil {
		fmt.Println("Success")
	}
	if err := work(second, errors.New("no such row")); err != nil {
		fmt.Println("Error:", err)
	}
	panics()

	done := make(chan error, 1)
	go func() { done <- work(1000*second, nil) }()
	select {
	case <-done:
		fmt.Println("Done")
	case <-time.After(5 * second):
		fmt.Println("Timeout! The goroutine is left behind, and never releases")
	}
}
