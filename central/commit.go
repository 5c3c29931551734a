package central

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// committer lets concurrent pushes share one commit: a durable commit costs the
// same for one as for fifty. Whoever comes while none is under way leads: it
// runs its own work and that of all who came meanwhile in one transaction.
type committer struct {
	update func(context.Context, func(storage.Tx) error) error

	mu    sync.Mutex
	queue []*job
	busy  bool
}

// job is one caller's work.
type job struct {
	fn   func(storage.Tx) error
	keys []atoll.Key // of records that it reads
	err  error
	done chan struct{}
}

// maxShared bounds how many callers share a commit, so that none waits long.
const maxShared = 64

// do runs fn in a transaction, possibly shared with others, and returns when it
// is durable. An error of fn undoes fn's own writes only. If fn has begun, it is
// waited for even when ctx ends.
func (c *committer) do(ctx context.Context, fn func(storage.Tx) error) error {
	return c.reading(ctx, nil, fn)
}

// reading is do for work that reads these records: those of all who share the commit
// are read together.
func (c *committer) reading(ctx context.Context, keys []atoll.Key, fn func(storage.Tx) error) error {
	j := &job{fn: fn, keys: keys, done: make(chan struct{})}
	c.mu.Lock()
	c.queue = append(c.queue, j)
	if c.busy {
		c.mu.Unlock()
		<-j.done
		return j.err
	}
	c.busy = true
	for len(c.queue) > 0 {
		n := min(len(c.queue), maxShared)
		batch := c.queue[:n:n]
		c.queue = c.queue[n:]
		c.mu.Unlock()
		// The leader's own request may end; the others' work must not.
		c.run(context.WithoutCancel(ctx), batch)
		c.mu.Lock()
	}
	c.busy = false
	c.mu.Unlock()
	return j.err
}

func (c *committer) run(ctx context.Context, batch []*job) {
	if len(batch) == 1 {
		// Alone it is undone with the transaction, and needs no savepoint.
		j := batch[0]
		j.err = c.update(ctx, func(tx storage.Tx) error { return guarded(j.fn, tx) })
		close(j.done)
		return
	}
	var keys []atoll.Key
	for _, j := range batch {
		keys = append(keys, j.keys...)
	}
	err := c.update(ctx, func(tx storage.Tx) error {
		if err := tx.Prefetch(keys); err != nil {
			return err
		}
		for _, j := range batch {
			j.err = tx.Savepoint(func() error { return guarded(j.fn, tx) })
		}
		return nil
	})
	for _, j := range batch {
		if err != nil {
			j.err = err
		}
		close(j.done)
	}
}

// guarded turns a panic into an error: a defect in one caller's work must neither
// undo the others' nor leave them waiting for a commit that never comes.
func guarded(fn func(storage.Tx) error, tx storage.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &atoll.Error{Code: atoll.Internal, Message: fmt.Sprint("a defect: ", p), Err: errors.New(string(debug.Stack()))}
		}
	}()
	return fn(tx)
}
