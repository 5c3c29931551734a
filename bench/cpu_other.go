//go:build !(linux || darwin || freebsd || android)

package bench

import (
	"os/exec"
	"time"
)

// cpuTime returns the processor time this process has used; 0 when the system
// does not tell.
func cpuTime() time.Duration { return 0 }

// maxResident returns the most memory an ended process had; 0 when the system does
// not tell.
func maxResident(*exec.Cmd) uint64 { return 0 }
