package memory

import (
	"context"
	"sync"
)

// Disk is what survives: the database as it was last committed. It may be used
// from several goroutines.
type Disk struct {
	writer chan struct{} // holds its one token while nobody writes

	mu    sync.Mutex
	state *state // never changes; a commit puts another in its place
}

// NewDisk returns an empty disk.
func NewDisk() *Disk {
	d := &Disk{writer: make(chan struct{}, 1), state: empty()}
	d.writer <- struct{}{}
	return d
}

// Copy returns an image of the disk as it is now: what was committed, and
// nothing of a transaction that runs. The two share what neither changes, so a
// copy of any size costs a microsecond, and live apart from then on.
func (d *Disk) Copy() *Disk {
	out := NewDisk()
	d.mu.Lock()
	defer d.mu.Unlock()
	out.state = d.state.fork()
	return out
}

func (d *Disk) committed() *state {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

func (d *Disk) commit(s *state) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s
}

// lock waits for its turn to write.
func (d *Disk) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-d.writer:
		return nil
	default:
	}
	select {
	case <-d.writer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Disk) unlock() { d.writer <- struct{}{} }
