//go:build !(linux || darwin || freebsd || android)

package bench

import (
	"time"
)

// cpuTime returns the processor time this process has used; 0 when the system
// does not tell.
func cpuTime() time.Duration { return 0 }
