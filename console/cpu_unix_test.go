//go:build unix

package console_test

import (
	"syscall"
	"time"
)

// processorTime is what this process has used so far: unlike the time a page takes,
// it hardly feels who else is on the machine.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
