// The program hash in Go: a worker for every core, and a channel of results in the order of the files.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var deadline = flag.Int("deadline", 60000, "the deadline for all files, in milliseconds")

type result struct {
	line string
	err  error
}

type job struct {
	path string
	done chan<- result
}

func pack(from, to, path string) (string, error) {
	file, err := os.ReadFile(filepath.Join(from, path))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(file); err != nil {
		return "", err
	}
	if err := writer.Close(); err != nil {
		return "", err
	}
	name := filepath.Join(to, path+".gz")
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return "", err
	}
	if err := os.WriteFile(name, packed.Bytes(), 0o666); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x  %s", sha256.Sum256(file), path), nil
}

func run(from, to string) error {
	var paths []string
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		path, err = filepath.Rel(from, path)
		paths = append(paths, path)
		return err
	})
	if err != nil {
		return err
	}

	limit := time.Duration(*deadline) * time.Millisecond
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit,
		fmt.Errorf("the deadline has passed"))
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	jobs := make(chan job)
	ordered := make(chan chan result, runtime.NumCPU())
	for range runtime.NumCPU() {
		workers.Go(func() {
			for job := range jobs {
				line, err := pack(from, to, job.path)
				job.done <- result{line, err}
			}
		})
	}
	workers.Go(func() {
		defer close(jobs)
		defer close(ordered)
		for _, path := range paths {
			done := make(chan result, 1)
			select {
			case ordered <- done:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- job{path, done}:
			case <-ctx.Done():
				return
			}
		}
	})

	var written atomic.Int64
	show := func() { fmt.Fprintf(os.Stderr, "%d written, %d in all\n", written.Load(), len(paths)) }
	defer show()
	seconds := time.NewTicker(time.Second)
	defer seconds.Stop()
	workers.Go(func() {
		for {
			select {
			case <-seconds.C:
				show()
			case <-ctx.Done():
				return
			}
		}
	})
	for done := range ordered {
		select {
		case result := <-done:
			if result.err != nil {
				return result.err
			}
			written.Add(1)
			fmt.Println(result.line)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return context.Cause(ctx)
}

func main() {
	flag.Parse()
	if err := run(flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
