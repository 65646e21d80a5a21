// A lock for a step that waits, and an atomic for a step that does not wait.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const second = 10 * time.Millisecond

type account struct {
	requests atomic.Int64

	mu      sync.Mutex
	balance int // guarded by mu
}

func (a *account) withdraw(amount int) {
	a.requests.Add(1)

	a.mu.Lock()
	defer a.mu.Unlock()
	balance := a.balance
	time.Sleep(second) // asks the bank
	a.balance = balance - amount
}

func main() {
	account := account{balance: 100}
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() { account.withdraw(10) })
	}
	group.Wait()
	fmt.Println("requests:", account.requests.Load())
	fmt.Println("balance:", account.balance)
}
