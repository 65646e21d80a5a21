package main

import (
	"runtime"
	"strconv"
	"time"
)

const (
	// latencyRoom is the capacity of the channels before and behind the workers: more than a burst.
	latencyRoom = 1_024
	// latencyLead is the time before the first arrival.
	latencyLead = 5 * time.Millisecond
	// latencyNear: the sender does not yield in this last interval before an item is due.
	latencyNear = 5 * time.Microsecond
)

// arrivals are bursts of items, with a period between the bursts.
type arrivals struct {
	burst int
	every time.Duration
}

var (
	steady = arrivals{1, 100 * time.Microsecond}
	bursts = arrivals{1_000, time.Millisecond}
)

func (a arrivals) due(first time.Time, item int) time.Time {
	return first.Add(time.Duration(item/a.burst) * a.every)
}

// latencyPool sends each item at its due time to a pool of workers that do nothing. The time of an
// item counts from its due time, by a fixed schedule, until its output is received.
func latencyPool(schedule arrivals) func(items int) outcome {
	return func(items int) outcome {
		first := time.Now().Add(latencyLead)
		jobs := make(chan uint64, latencyRoom)
		go func() {
			defer close(jobs)
			for item := range items {
				until(schedule.due(first, item))
				jobs <- uint64(item)
			}
		}()

		times := make([]time.Duration, 0, items)
		var total uint64
		for item := range workers(poolWorkers, latencyRoom, jobs, noop) {
			times = append(times, time.Since(schedule.due(first, int(item))))
			total += item
		}
		return outcome{Answer: strconv.FormatUint(total, 10), Latency: points(times)}
	}
}

// sent is an item, and the time of its send.
type sent struct {
	item uint64
	at   time.Time
}

// latencyInFlight keeps inFlight items with a pool of workers that do nothing: each output sends
// the next item. The time of an item counts from its send until its output is received.
func latencyInFlight(inFlight int) func(items int) outcome {
	return func(items int) outcome {
		jobs := make(chan sent, latencyRoom)
		results := workers(poolWorkers, latencyRoom, jobs, func(job sent) sent { return job })
		next := 0
		send := func() {
			if next < items {
				jobs <- sent{uint64(next), time.Now()}
				next++
			}
		}
		for range inFlight {
			send()
		}

		times := make([]time.Duration, 0, items)
		var total uint64
		for range items {
			result := <-results
			times = append(times, time.Since(result.at))
			total += result.item
			send()
		}
		close(jobs)
		return outcome{Answer: strconv.FormatUint(total, 10), Latency: points(times)}
	}
}

// until yields and does not sleep: a timer of the system is less exact.
func until(due time.Time) {
	for {
		left := time.Until(due)
		if left <= 0 {
			return
		}
		if left > latencyNear {
			runtime.Gosched()
		}
	}
}
