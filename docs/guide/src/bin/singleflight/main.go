// Five callers want the same page at once: it is loaded one time for all; a later call loads it again.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

type flight struct {
	landed chan struct{} // closed once page is set
	page   string
}

type pages struct {
	mu      sync.Mutex
	flights map[string]*flight
	loads   int
}

func (p *pages) get(name string) string {
	p.mu.Lock()
	if f, ok := p.flights[name]; ok {
		p.mu.Unlock()
		<-f.landed
		return f.page
	}
	f := &flight{landed: make(chan struct{})}
	p.flights[name] = f
	p.loads++
	version := p.loads
	p.mu.Unlock()

	time.Sleep(6 * second) // the load
	f.page = fmt.Sprintf("%s, version %d", name, version)

	p.mu.Lock()
	delete(p.flights, name)
	p.mu.Unlock()
	close(f.landed)
	return f.page
}

func main() {
	pages := pages{flights: make(map[string]*flight)}
	var results [5]string
	var callers sync.WaitGroup
	for i := range results {
		callers.Go(func() { results[i] = pages.get("home") })
	}
	callers.Wait()
	for _, page := range results {
		fmt.Println(page)
	}
	fmt.Println("later:", pages.get("home"))
	fmt.Println(pages.loads, "loads for 6 calls")
}
