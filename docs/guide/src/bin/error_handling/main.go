// One of three jobs fails: the failure cancels the others, or the others complete.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func job(ctx context.Context, number int) (string, error) {
	select {
	case <-time.After(time.Duration(20*number) * second):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if number == 2 {
		return "", fmt.Errorf("job %d has failed", number)
	}
	return fmt.Sprintf("job %d is done", number), nil
}

func stopAtTheFirst() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	errs := make([]error, 3)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			if _, errs[i] = job(ctx, i+1); errs[i] != nil {
				cancel(errs[i]) // only the first call has an effect
			}
		})
	}
	wg.Wait()
	fmt.Println("Stopped:", context.Cause(ctx))
	cancelled := 0
	for _, err := range errs {
		if errors.Is(err, context.Canceled) {
			cancelled++
		}
	}
	fmt.Println("Cancelled with it:", cancelled)
}

func goOn() {
	results, errs := make([]string, 3), make([]error, 3)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { results[i], errs[i] = job(context.Background(), i+1) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			fmt.Println("Error:", err)
		} else {
			fmt.Println("Result:", results[i])
		}
	}
}

func main() {
	stopAtTheFirst()
	goOn()
}
