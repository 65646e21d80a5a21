package main

import (
	"math"
	"slices"
	"time"
)

// percentiles are the percentiles that every subject reports, in all languages.
var percentiles = []float64{0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999, 100}

// points returns each percentile, with the largest time in µs of that part of the times. The points
// are exact.
func points(times []time.Duration) [][2]float64 {
	slices.Sort(times)
	told := make([][2]float64, 0, len(percentiles))
	for _, percentile := range percentiles {
		rank := int(math.Ceil(percentile / 100 * float64(len(times))))
		told = append(told, [2]float64{percentile, float64(times[max(rank, 1)-1]) / float64(time.Microsecond)})
	}
	return told
}
