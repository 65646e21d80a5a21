// Five concurrent calls for one page share a single load. A later call loads the page again.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const second = 10 * time.Millisecond

type pages struct {
	mu      sync.Mutex
	flights map[string]func() string
	loads   atomic.Int64
}

func (p *pages) get(name string) string {
	p.mu.Lock()
	flight, ok := p.flights[name]
	if !ok {
		flight = sync.OnceValue(func() string {
			defer p.land(name)
			return p.load(name)
		})
		p.flights[name] = flight
	}
	p.mu.Unlock()
	return flight()
}

func (p *pages) load(name string) string {
	version := p.loads.Add(1)
	time.Sleep(20 * second)
	return fmt.Sprintf("%s, version %d", name, version)
}

func (p *pages) land(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.flights, name)
}

func main() {
	pages := pages{flights: make(map[string]func() string)}
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
	fmt.Println(pages.loads.Load(), "loads for 6 calls")
}
