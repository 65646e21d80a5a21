// Ten downloads, three at once. A buffered channel holds a token for each running download.
package main

import (
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

var atOnce struct {
	sync.Mutex
	running, most int
}

func count(change int) {
	atOnce.Lock()
	defer atOnce.Unlock()
	atOnce.running += change
	atOnce.most = max(atOnce.most, atOnce.running)
}

func download(url string) string {
	count(+1)
	defer count(-1)
	fmt.Println("Downloading", url)
	time.Sleep(5 * second)
	return "Content from " + url
}

func main() {
	contents := make([]string, 10)
	tokens := make(chan struct{}, 3)
	var wg sync.WaitGroup
	for i := range contents {
		tokens <- struct{}{} // before the goroutine starts: three goroutines, not ten
		wg.Go(func() {
			defer func() { <-tokens }()
			url := fmt.Sprintf("url%d", i)
			contents[i] = download(url)
			fmt.Println("Downloaded", url)
		})
	}
	wg.Wait()
	fmt.Printf("Downloaded %d files, at most %d at once\n", len(contents), atOnce.most)
	fmt.Println("The last:", contents[len(contents)-1])
}
