package hunt

import (
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// mostRequests is how many requests one cycle of a site may make: the longest of the
// usual stories make some hundred.
const mostRequests = 2000

// mostMemory is what a worker may have in use: a story of five sites takes some tens of
// megabytes.
const mostMemory = 1 << 30

// endless reports whether a cycle of the site goes on and on. The story ends there: a
// program that never comes to rest would take all the time and memory there is.
func (w *World) endless(name string) bool {
	if w.requests[name]++; w.requests[name] > mostRequests && !w.over {
		w.over = true
		w.Breach("rest", "a cycle of %s does not come to its end: it has made %d requests", name, mostRequests)
	}
	return w.over
}

// bound ends this process when it takes too much memory, with a word about it. It is
// for a worker: whoever started it takes its end for a breach.
func bound() {
	debug.SetMemoryLimit(mostMemory * 3 / 4) // before that, it is tidier
	go func() {
		used := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for range time.Tick(100 * time.Millisecond) {
			if metrics.Read(used); used[0].Value.Uint64() > mostMemory {
				_, _ = fmt.Fprintf(os.Stderr, "the story takes more than %d MiB of memory\n", mostMemory>>20)
				os.Exit(1)
			}
		}
	}()
}
