// A withdrawal waits until the balance is sufficient, and checks again after every deposit.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

type account struct {
	mu      sync.Mutex
	changed *sync.Cond
	balance int
}

func newAccount() *account {
	a := &account{}
	a.changed = sync.NewCond(&a.mu)
	return a
}

func (a *account) deposit(amount int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.balance += amount
	fmt.Printf("deposit of %d: the balance is %d\n", amount, a.balance)
	a.changed.Broadcast()
}

func (a *account) withdraw(amount int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.balance < amount {
		a.changed.Wait()
	}
	a.balance -= amount
	fmt.Printf("withdrawal of %d: the balance is %d\n", amount, a.balance)
}

func main() {
	account := newAccount()
	var group sync.WaitGroup
	group.Go(func() { account.withdraw(80) })
	for range 3 {
		time.Sleep(2 * second)
		account.deposit(30)
	}
	group.Wait()
}
