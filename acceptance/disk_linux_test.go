package acceptance_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// mountSmall puts a small disk at the directory, and says why not if it cannot.
func mountSmall(t *testing.T, dir string, size int64) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("atoll-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return err.Error()
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return ""
}

// freeOn is how many bytes are free on the disk at the directory.
func freeOn(dir string) (int64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	return int64(s.Bavail) * s.Bsize, err //nolint:gosec // a small disk
}
