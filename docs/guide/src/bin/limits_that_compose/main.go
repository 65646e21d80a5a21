// At most six requests, one for each host. A page waits for its host with or without a slot.
package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	second = 10 * time.Millisecond
	hosts  = 6
	pages  = 10
	slots  = 6
)

type page struct{ host, number int }

// web records the current requests and the fetched pages of each host.
type web struct {
	mu      sync.Mutex
	busy    [hosts]int
	fetched [hosts][]int
	rude    bool
}

func (w *web) fetch(p page) {
	w.mu.Lock()
	w.busy[p.host]++
	w.rude = w.rude || w.busy[p.host] > 1
	w.fetched[p.host] = append(w.fetched[p.host], p.number)
	w.mu.Unlock()
	time.Sleep(2 * second)
	w.mu.Lock()
	w.busy[p.host]--
	w.mu.Unlock()
}

// hostInASlot takes a slot for each page, and then waits for the host of the page.
func hostInASlot(w *web) {
	free := make(chan struct{}, slots)
	var locks [hosts]sync.Mutex
	var requests sync.WaitGroup
	for host := range hosts {
		for number := range pages {
			free <- struct{}{}
			requests.Go(func() {
				locks[host].Lock()
				w.fetch(page{host, number})
				locks[host].Unlock()
				<-free
			})
		}
	}
	requests.Wait()
}

// hostBeforeTheSlot starts a goroutine for each host, which takes a slot for each page in turn.
func hostBeforeTheSlot(w *web) {
	free := make(chan struct{}, slots)
	var crawlers sync.WaitGroup
	for host := range hosts {
		crawlers.Go(func() {
			for number := range pages {
				free <- struct{}{}
				w.fetch(page{host, number})
				<-free
			}
		})
	}
	crawlers.Wait()
}

func crawl(title string, get func(*web)) (time.Duration, *web) {
	begin, w := time.Now(), new(web)
	get(w)
	if !w.rude {
		fmt.Printf("%s: %d pages, one at a time for each host\n", title, hosts*pages)
	}
	return time.Since(begin), w
}

func main() {
	slow, _ := crawl("the host in a slot", hostInASlot)
	fast, w := crawl("the host before the slot", hostBeforeTheSlot)
	inOrder := true
	for _, fetched := range w.fetched {
		inOrder = inOrder && len(fetched) == pages && slices.IsSorted(fetched)
	}
	if slow > 2*fast && inOrder {
		fmt.Println("more than twice as fast, and the pages of each host in order")
	}
}
