//go:build linux || darwin || freebsd || android

package host

import "syscall"

// DiskUsed returns how full the disk of the directory is, from 0 to 1; 0 when the
// system does not tell.
func DiskUsed(dir string) float64 {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil || s.Blocks == 0 {
		return 0
	}
	used := s.Blocks - s.Bfree
	return float64(used) / float64(used+s.Bavail)
}
