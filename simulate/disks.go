package simulate

import (
	"context"
	"os"
	"path/filepath"

	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
	"github.com/atollsync/atoll/storage/sqlite"
)

// Disks are simulated disks, by the names of the nodes whose they are. A fleet
// that has them among its [Parts] runs in memory, which is many times faster than
// files; its nodes' stores are of type *memory.Store, and crash on order. The zero
// value holds an empty disk for everybody.
type Disks struct {
	disks map[string]*memory.Disk
}

// Disk returns the disk of the node.
func (d *Disks) Disk(name string) *memory.Disk {
	disk := d.disks[name]
	if disk == nil {
		disk = memory.NewDisk()
		d.Insert(name, disk)
	}
	return disk
}

// Insert gives the node another disk: an image that was made before, or an empty
// one if disk is nil. Its program, opened again, finds that.
func (d *Disks) Insert(name string, disk *memory.Disk) {
	if d.disks == nil {
		d.disks = map[string]*memory.Disk{}
	}
	d.disks[name] = disk
}

// database opens the database of a node, where the fleet keeps them.
func (f *Fleet) database(ctx context.Context, name string) (storage.Store, error) {
	switch {
	case f.parts.Open != nil:
		return f.parts.Open(ctx, name)
	case f.parts.Disks != nil:
		return memory.Open(f.parts.Disks.Disk(name), memory.Options{Now: f.clock(name).Now}), nil
	}
	s, err := sqlite.Open(ctx, f.file(name), sqlite.Options{NoSync: true})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (f *Fleet) file(name string) string { return filepath.Join(f.dir, name+".db") }

// image is a copy of a node's database.
type image struct {
	file []byte
	disk *memory.Disk
}

// image returns a copy of the node's database, which must be closed.
func (f *Fleet) image(name string) (*image, error) {
	if f.parts.Disks != nil {
		return &image{disk: f.parts.Disks.Disk(name).Copy()}, nil
	}
	b, err := os.ReadFile(f.file(name))
	return &image{file: b}, err
}

// place puts a copy of the image, or nothing if it is nil, in the place of the
// node's database, which must be closed.
func (f *Fleet) place(name string, i *image) error {
	switch d := f.parts.Disks; {
	case d != nil && i == nil:
		d.Insert(name, nil)
		return nil
	case d != nil:
		d.Insert(name, i.disk.Copy())
		return nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(f.file(name) + suffix); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if i == nil {
		return nil
	}
	return os.WriteFile(f.file(name), i.file, 0o600)
}
