package memory_test

import (
	"sync"
	"testing"

	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
	"github.com/atollsync/atoll/storage/storagetest"
)

func TestStorage(t *testing.T) {
	var mu sync.Mutex
	disks := map[string]*memory.Disk{}
	storagetest.Run(t, func(_ *testing.T, dir string) storage.Store {
		mu.Lock()
		defer mu.Unlock()
		if disks[dir] == nil {
			disks[dir] = memory.NewDisk()
		}
		return memory.Open(disks[dir], memory.Options{})
	})
}
