// Runs a program with a time limit. At the limit, kills the program and waits for its end.
package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const second = 10 * time.Millisecond

func run(limit time.Duration, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()

	output, err := exec.CommandContext(ctx, name, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() != nil {
		fmt.Printf("%s: its time is up\n", name)
		if status, ok := exit.Sys().(syscall.WaitStatus); ok {
			fmt.Printf("%s: ended by signal %d\n", name, status.Signal())
		}
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", name, strings.TrimSpace(string(output)))
	return nil
}

func main() {
	hello := run(500*second, "echo", "hello")
	sleep := run(5*second, "sleep", "60")
	if err := errors.Join(hello, sleep); err != nil {
		panic(err)
	}
}
