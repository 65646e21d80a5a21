// The program worker in Go: a list of waiting jobs under a lock, and a goroutine for every started
// job.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	memory   = 100  // the megabytes of all jobs at once
	capacity = 2000 // jobs that wait
)

type job struct {
	Tenant    string `json:"tenant"`
	Amount    string `json:"amount"`
	Megabytes int    `json:"megabytes"`
	index     int
}

type connection struct {
	net.Conn
	answers *bufio.Reader
}

// worker has the jobs. Jobs of the same tenant run one at a time, and in the order of their arrival.
type worker struct {
	database string
	jobs     sync.WaitGroup

	mu          sync.Mutex // guards the fields below
	waiting     []job
	accepted    int
	tenants     map[string]bool // the tenants with a job at work
	running     int
	megabytes   int
	limit       int
	draining    bool
	connections []*connection
	completed   map[string]int // by outcome
}

func (w *worker) accept(j job) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.draining || len(w.waiting) == capacity {
		return http.StatusServiceUnavailable
	}
	if j.Megabytes > memory {
		return http.StatusRequestEntityTooLarge
	}
	j.index = w.accepted
	w.accepted++
	w.waiting = append(w.waiting, j)
	w.schedule()
	return http.StatusAccepted
}

// schedule starts the jobs that may start. A job whose tenant is at work is passed. A job that waits
// for memory is not.
func (w *worker) schedule() {
	for at := 0; !w.draining && w.running < w.limit && at < len(w.waiting); {
		j := w.waiting[at]
		if w.tenants[j.Tenant] {
			at++
			continue
		}
		if w.megabytes+j.Megabytes > memory {
			return
		}
		w.waiting = slices.Delete(w.waiting, at, at+1)
		w.tenants[j.Tenant] = true
		w.running++
		w.megabytes += j.Megabytes
		w.jobs.Go(func() { w.run(j) })
	}
}

func (w *worker) run(j job) {
	outcome := "succeeded"
	if err := w.apply(j); err != nil {
		outcome = "errored"
		if errors.Is(err, errPanic) {
			outcome = "panicked"
		}
		slog.Error(err.Error(), "index", j.index)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.completed[outcome]++
	delete(w.tenants, j.Tenant)
	w.running--
	w.megabytes -= j.Megabytes
	w.schedule()
}

var errPanic = errors.New("panicked at")

func (w *worker) apply(j job) (err error) {
	c, err := w.connect()
	if err != nil {
		return err
	}
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%w %s: %v", errPanic, "apply", value)
		}
		if err != nil {
			err = errors.Join(err, c.quit())
			return
		}
		w.mu.Lock()
		w.connections = append(w.connections, c)
		w.mu.Unlock()
	}()
	amount, err := strconv.ParseUint(j.Amount, 10, 64)
	if err != nil {
		panic("the amount is a number: " + err.Error())
	}
	if _, err := fmt.Fprintf(c, "%s %d %d\n", j.Tenant, amount, j.Megabytes); err != nil {
		return err
	}
	answer, err := c.answers.ReadString('\n')
	if err == nil && answer != "ok\n" {
		err = fmt.Errorf("the database answers %q", answer)
	}
	return err
}

func (w *worker) connect() (*connection, error) {
	w.mu.Lock()
	if last := len(w.connections) - 1; last >= 0 {
		c := w.connections[last]
		w.connections = w.connections[:last]
		w.mu.Unlock()
		return c, nil
	}
	w.mu.Unlock()
	c, err := net.Dial("tcp", w.database)
	if err != nil {
		return nil, err
	}
	return &connection{c, bufio.NewReader(c)}, nil
}

func (c *connection) quit() error {
	_, err := c.Write([]byte("quit\n"))
	return errors.Join(err, c.Close())
}

func (w *worker) metrics(response http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(response, "jobs_waiting %d\njobs_in_flight %d\n", len(w.waiting), w.running)
	for outcome, jobs := range w.completed {
		fmt.Fprintf(response, "jobs_completed{outcome=%q} %d\n", outcome, jobs)
	}
}

func run(limit int, database, file string) error {
	w := &worker{database: database, limit: limit, tenants: map[string]bool{}, completed: map[string]int{}}
	sigterm := make(chan os.Signal, 2)
	signal.Notify(sigterm, syscall.SIGTERM)

	http.HandleFunc("POST /jobs", func(response http.ResponseWriter, request *http.Request) {
		var j job
		if err := json.NewDecoder(request.Body).Decode(&j); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		response.WriteHeader(w.accept(j))
	})
	http.HandleFunc("PUT /limit/{jobs}", func(response http.ResponseWriter, request *http.Request) {
		jobs, err := strconv.Atoi(request.PathValue("jobs"))
		if err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.limit = jobs
		w.schedule()
	})
	http.HandleFunc("GET /metrics", w.metrics)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	var server http.Server
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	select {
	case <-sigterm:
	case err := <-served:
		return err
	}
	w.mu.Lock()
	w.draining = true
	w.mu.Unlock()
	fmt.Fprintln(os.Stderr, "draining")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	complete := make(chan error, 1)
	go func() {
		err := server.Shutdown(ctx)
		w.jobs.Wait()
		complete <- err
	}()
	forced := errors.New("the drain was forced to its end")
	select {
	case forced = <-complete:
	case <-ctx.Done():
	case <-sigterm:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.connections {
		forced = errors.Join(forced, c.quit())
	}
	rest, err := json.Marshal(append([]job{}, w.waiting...))
	if err != nil {
		return err
	}
	return errors.Join(forced, os.WriteFile(file, rest, 0o666))
}

func main() {
	limit := flag.Int("limit", 8, "jobs at once")
	flag.Parse()
	if err := run(*limit, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
