// Ten jobs run at once. Their results are in the order of the input.
package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const second = 10 * time.Millisecond

func worker(job int) int {
	time.Sleep(4 * second)
	return job * 2
}

func oneAfterAnother(jobs int) []int {
	results := make([]int, jobs)
	for job := range results {
		results[job] = worker(job)
	}
	return results
}

func fanOutFanIn(jobs int) []int {
	results := make([]int, jobs)
	var wg sync.WaitGroup
	for job := range results {
		wg.Go(func() { results[job] = worker(job) })
	}
	wg.Wait()
	return results
}

func main() {
	began := time.Now()
	results := fanOutFanIn(10)
	atOnce := time.Since(began)
	fmt.Println(strings.Trim(fmt.Sprint(results), "[]"))

	began = time.Now()
	if slices.Equal(oneAfterAnother(10), results) {
		fmt.Println("One after another: the same results")
	}
	if oneByOne := time.Since(began); oneByOne > 2*atOnce {
		fmt.Println("At once: less than half the time")
	}
}
