package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// outcome is the JSON line that a run prints. A workload reports only the units it has.
type outcome struct {
	Answer    string   `json:"answer"`
	Ms        *float64 `json:"ms,omitempty"`
	PeakKiB   *uint64  `json:"peak_kib,omitempty"`
	BytesEach *float64 `json:"bytes_each,omitempty"`
	// Percentiles, each with the largest time in µs of that part of the items.
	Latency [][2]float64 `json:"latency,omitempty"`
}

func timed(answer uint64, elapsed time.Duration) outcome {
	ms := float64(elapsed) / float64(time.Millisecond)
	return outcome{Answer: strconv.FormatUint(answer, 10), Ms: &ms}
}

// withPeak adds the peak memory of this process, if the system reports the peak.
func (o outcome) withPeak() outcome {
	if kib, ok := memoryKiB("VmHWM"); ok {
		o.PeakKiB = &kib
	}
	return o
}

// memoryKiB reads a memory field of /proc/self/status, if the system has the file and the field.
func memoryKiB(field string) (kib uint64, ok bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib, err == nil
		}
	}
	return 0, false
}

// request is the request of the command line: the list, or a run of one subject.
type request struct {
	list    bool
	subject subject
	items   int
}

func parse(args []string) (request, error) {
	switch {
	case len(args) == 1 && args[0] == "list":
		return request{list: true}, nil
	case len(args) == 4 && args[0] == "run":
		items, err := strconv.ParseUint(args[3], 10, 31)
		if err != nil || items == 0 {
			return request{}, fmt.Errorf("ITEMS is %q, want a whole number from 1 to 2147483647", args[3])
		}
		for _, s := range subjects {
			if s.workload == args[1] && s.name == args[2] {
				return request{subject: s, items: int(items)}, nil
			}
		}
		return request{}, fmt.Errorf("no subject %q of %q; see `peers list`", args[2], args[1])
	default:
		return request{}, errors.New("usage: peers list | peers run WORKLOAD SUBJECT ITEMS")
	}
}

func (r request) answer(to io.Writer) error {
	out := bufio.NewWriter(to)
	if r.list {
		for _, s := range subjects {
			fmt.Fprintf(out, "%s\t%s\n", s.workload, s.name)
		}
		return out.Flush()
	}
	if err := json.NewEncoder(out).Encode(r.subject.run(r.items)); err != nil {
		return err
	}
	return out.Flush()
}
