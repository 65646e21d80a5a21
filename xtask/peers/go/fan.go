package main

import "sync"

// poolBuffer lets workers continue while the feeder or the collector runs.
const poolBuffer = 128

// goroutineEach runs the job on 0..items, a goroutine for each. The channel closes after the last
// result. The channel has capacity for all results, so no goroutine stays alive only to send its
// result.
func goroutineEach(items int, job func(uint64) uint64) <-chan uint64 {
	results := make(chan uint64, items)
	go func() {
		defer close(results)
		var wg sync.WaitGroup
		for i := range items {
			wg.Go(func() { results <- job(uint64(i)) })
		}
		wg.Wait()
	}()
	return results
}

// pool runs the job on 0..items by a fixed number of workers. The channel closes after the last
// result.
func pool(count, items int, job func(uint64) uint64) <-chan uint64 {
	jobs := make(chan uint64, poolBuffer)
	go func() {
		defer close(jobs)
		for i := range items {
			jobs <- uint64(i)
		}
	}()
	return workers(count, poolBuffer, jobs, job)
}

// workers run the job on the received items. The channel of results has capacity room and closes
// after the last result.
func workers[In, Out any](count, room int, jobs <-chan In, job func(In) Out) <-chan Out {
	results := make(chan Out, room)
	var wg sync.WaitGroup
	for range count {
		wg.Go(func() {
			for item := range jobs {
				results <- job(item)
			}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	return results
}

func sum(results <-chan uint64) uint64 {
	var total uint64
	for result := range results {
		total += result
	}
	return total
}
