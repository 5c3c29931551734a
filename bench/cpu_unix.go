//go:build linux || darwin || freebsd || android

package bench

import (
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// cpuTime returns the processor time this process has used; 0 when the system
// does not tell.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// maxResident returns the most memory an ended process had, in bytes; 0 when the
// system does not tell.
func maxResident(c *exec.Cmd) uint64 {
	u, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok || runtime.GOOS != "linux" { // others count in other units
		return 0
	}
	return uint64(u.Maxrss) * 1024
}
