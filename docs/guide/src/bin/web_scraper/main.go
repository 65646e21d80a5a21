// Crawls a site: one goroutine for each page, and a slot for at most five of them.
package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"
)

const atOnce = 5

type crawler struct {
	slots chan struct{}
	wg    sync.WaitGroup
	stop  context.CancelCauseFunc

	mu     sync.Mutex // guards the fields below
	levels map[string]int
	links  int
}

// visit starts the crawl of a page, unless the page was seen before.
func (c *crawler) visit(ctx context.Context, page *url.URL, level int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, seen := c.levels[page.String()]; seen {
		return
	}
	c.levels[page.String()] = level
	c.wg.Go(func() {
		links, err := c.linksOf(ctx, page)
		if err != nil {
			c.stop(err)
			return
		}
		c.mu.Lock()
		c.links += len(links)
		c.mu.Unlock()
		for _, link := range links {
			c.visit(ctx, link, level+1)
		}
	})
}

// linksOf returns the links of a page to pages of the same site.
func (c *crawler) linksOf(ctx context.Context, page *url.URL) ([]*url.URL, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", page, response.Status)
	}
	return parse(response.Body, page)
}

// parse reads HTML with the standard library's XML decoder. golang.org/x/net/html parses all HTML.
func parse(body io.Reader, page *url.URL) ([]*url.URL, error) {
	decoder := xml.NewDecoder(body)
	decoder.Strict = false
	decoder.AutoClose = xml.HTMLAutoClose
	decoder.Entity = xml.HTMLEntity
	var links []*url.URL
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return links, nil
		} else if err != nil {
			return nil, err
		}
		element, ok := token.(xml.StartElement)
		if !ok || element.Name.Local != "a" {
			continue
		}
		for _, attribute := range element.Attr {
			if attribute.Name.Local != "href" {
				continue
			}
			link, err := page.Parse(attribute.Value)
			if err != nil {
				return nil, err
			}
			link.Fragment = ""
			if link.Host == page.Host {
				links = append(links, link)
			}
		}
	}
}

func main() {
	start, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	c := crawler{slots: make(chan struct{}, atOnce), stop: stop, levels: map[string]int{}}
	c.visit(ctx, start, 0)
	c.wg.Wait()
	if err := context.Cause(ctx); err != nil {
		log.Fatal(err)
	}
	deepest := 0
	for _, level := range c.levels {
		deepest = max(deepest, level)
	}
	fmt.Printf("pages: %d\nlinks: %d\ndeepest level: %d\n", len(c.levels), c.links, deepest)
}
