// The older form: the goroutine signals its completion over a channel.
package main

import (
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

type Resource struct{}

func (r *Resource) Acquire() *Resource {
	fmt.Println("Acquiring resource")
	time.Sleep(second)
	return r
}

func (r *Resource) Release() {
	fmt.Println("Releasing resource")
	time.Sleep(second)
}

func (r *Resource) DoWork() {
	fmt.Println("Working...")
	time.Sleep(2 * second)
}

func main() {
	done := make(chan bool)
	go func() {
		defer func() { done <- true }() // deferred first, so this call runs last
		resource := (&Resource{}).Acquire()
		defer resource.Release()
		resource.DoWork()
	}()
	<-done
}
