// Requests one file from three mirrors. The first answer cancels the other requests.
package main

import (
	"context"
	"fmt"
	"time"
)

const second = 10 * time.Millisecond

type answer struct {
	file string
	err  error
}

func ask(ctx context.Context, mirror string, seconds int) answer {
	select {
	case <-time.After(time.Duration(seconds) * second):
		return answer{file: "the file, from mirror " + mirror}
	case <-ctx.Done():
		return answer{err: ctx.Err()}
	}
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	mirrors := map[string]int{"A": 60, "B": 2, "C": 30}
	answers := make(chan answer, len(mirrors))
	for mirror, seconds := range mirrors {
		go func() { answers <- ask(ctx, mirror, seconds) }()
	}
	fmt.Println((<-answers).file)

	cancel()
	stopped := 0
	for range len(mirrors) - 1 {
		if (<-answers).err != nil {
			stopped++
		}
	}
	fmt.Println(stopped, "others were stopped")
}
