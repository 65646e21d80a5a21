// Prints results in the order of completion, not in the order of the input.
package main

import (
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

func fetch(page string, seconds int) string {
	time.Sleep(time.Duration(seconds) * second)
	return fmt.Sprintf("page %s after %d s", page, seconds)
}

func main() {
	pages := []struct {
		name    string
		seconds int
	}{{"A", 45}, {"B", 15}, {"C", 30}}

	results := make(chan string, len(pages))
	for _, page := range pages {
		go func() { results <- fetch(page.name, page.seconds) }()
	}
	for range pages {
		fmt.Println(<-results)
	}
	fmt.Println("all", len(pages), "pages are here")
}
