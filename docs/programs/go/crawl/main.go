// The program crawl in Go: a goroutine for every address, with a slot of its host, a start of its
// host, and a slot of all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	atOnce    = flag.Int("at-once", 50, "requests at once")
	toAHost   = flag.Int("to-a-host", 10, "requests at once to a host")
	perSecond = flag.Int("per-second", 20, "addresses of a host per second")
	timeout   = flag.Int("timeout", 2000, "the time limit of a request, in milliseconds")
)

const burst = 2

// host has the slots of a host, and the time of its next start.
type host struct {
	slots chan struct{}
	mu    sync.Mutex
	next  time.Time
}

// reserve returns the wait until the next start.
func (h *host) reserve() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	interval := time.Second / time.Duration(*perSecond)
	if earliest := time.Now().Add(-(burst - 1) * interval); h.next.Before(earliest) {
		h.next = earliest
	}
	start := h.next
	h.next = h.next.Add(interval)
	return time.Until(start)
}

type outcome struct {
	index     int
	url       *url.URL
	requested bool
	row       string
	err       error
}

type status int

func (s status) Error() string { return fmt.Sprintf("status %d", int(s)) }

func get(ctx context.Context, client *http.Client, url *url.URL) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url.String(), nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", status(response.StatusCode)
	}
	page, err := io.ReadAll(response.Body)
	return fmt.Sprintf("%s,%d\n", url, len(page)), err
}

func getWithRetries(ctx context.Context, client *http.Client, url *url.URL) (string, error) {
	delay := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		row, err := get(ctx, client, url)
		var code status
		missing := errors.As(err, &code) && code < 500
		if err == nil || missing || attempt == 4 {
			return row, err
		}
		select {
		case <-time.After(delay):
			delay *= 2
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func run(file, out string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var urls []*url.URL
	for line := range strings.Lines(string(text)) {
		url, err := url.Parse(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		urls = append(urls, url)
	}
	if err := os.Mkdir(out, 0o777); err != nil {
		return err
	}

	stop, drain := context.WithCancel(context.Background())
	defer drain()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		<-interrupts
		fmt.Fprintln(os.Stderr, "draining")
		drain()
		select {
		case <-interrupts:
		case <-time.After(10 * time.Second):
		}
		cancel()
	}()
	fmt.Fprintln(os.Stderr, len(urls), "addresses")
	client := &http.Client{Timeout: time.Duration(*timeout) * time.Millisecond}
	hosts := map[string]*host{}
	all := make(chan struct{}, *atOnce)
	outcomes := make(chan outcome)
	for index, url := range urls {
		h, ok := hosts[url.Host]
		if !ok {
			h = &host{slots: make(chan struct{}, *toAHost)}
			hosts[url.Host] = h
		}
		go func() {
			result := outcome{index: index, url: url}
			defer func() { outcomes <- result }()
			select {
			case h.slots <- struct{}{}:
				defer func() { <-h.slots }()
			case <-stop.Done():
				return
			}
			select {
			case <-time.After(h.reserve()):
			case <-stop.Done():
				return
			}
			select {
			case all <- struct{}{}:
				defer func() { <-all }()
			case <-stop.Done():
				return
			}
			if stop.Err() != nil { // a select chooses at random
				return
			}
			result.requested = true
			result.row, result.err = getWithRetries(ctx, client, url)
		}()
	}

	var done atomic.Int64
	progress := time.NewTicker(100 * time.Millisecond)
	defer progress.Stop()
	go func() {
		for range progress.C {
			fmt.Fprintf(os.Stderr, "\r%d/%d %d at once", done.Load(), len(urls), len(all))
		}
	}()

	var rows, failed []string
	var rest []outcome
	chunks, written := 0, 0
	write := func() error {
		name := filepath.Join(out, fmt.Sprintf("rows-%04d.csv", chunks))
		if err := os.WriteFile(name, []byte(strings.Join(rows, "")), 0o666); err != nil {
			return err
		}
		chunks++
		written += len(rows)
		rows = rows[:0]
		return nil
	}
	for range urls {
		result := <-outcomes
		done.Add(1)
		switch {
		case !result.requested:
			rest = append(rest, result)
		case errors.Is(result.err, context.Canceled):
		case result.err != nil:
			failed = append(failed, fmt.Sprintf("%s\t%v\n", result.url, result.err))
		default:
			if rows = append(rows, result.row); len(rows) == 100 {
				if err := write(); err != nil {
					return err
				}
			}
		}
	}
	if len(rows) > 0 {
		if err := write(); err != nil {
			return err
		}
	}
	slices.SortFunc(rest, func(a, b outcome) int { return a.index - b.index })
	var lines strings.Builder
	for _, result := range rest {
		fmt.Fprintln(&lines, result.url)
	}
	if err := os.WriteFile(filepath.Join(out, "failed.txt"), []byte(strings.Join(failed, "")), 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "rest.txt"), []byte(lines.String()), 0o666); err != nil {
		return err
	}
	fmt.Printf("%d rows, %d failed, %d not requested\n", written, len(failed), len(rest))
	return ctx.Err()
}

func main() {
	flag.Parse()
	if err := run(flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
