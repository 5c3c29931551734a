package memory

import (
	"github.com/tidwall/btree"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// tx is the writing transaction: a reader whose state is its own.
type tx struct {
	reader
	wrote bool
}

var _ storage.Tx = (*tx)(nil)

func (t *tx) begin() {
	own := *t.store.disk.committed()
	own.mark()
	t.state = &own
}

func (t *tx) commit() error {
	if err := t.call(); err != nil {
		return err
	}
	if !t.wrote {
		return nil
	}
	return t.store.fate.commit(func() { t.store.disk.commit(t.state) })
}

// Savepoint implements [storage.Tx].
func (t *tx) Savepoint(fn func() error) error {
	if err := t.call(); err != nil {
		return err
	}
	before := *t.state
	t.state.mark()
	done := false
	defer func() {
		if !done {
			*t.state = before
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if err := t.call(); err != nil {
		return err
	}
	// Nobody goes back here any more: what was ours before is ours again.
	t.state.floor = before.floor
	done = true
	return nil
}

// write returns the tree of one of the transaction's tables, for writing.
func write[T any](t *tx, of *table[T]) *btree.BTreeG[T] {
	t.wrote = true
	return writing(t.state, of, &t.store.disk.mu)
}

// NextPosition implements [storage.FeedWriter].
func (t *tx) NextPosition() (atoll.Position, error) {
	if err := t.call(); err != nil {
		return 0, err
	}
	return t.next(), nil
}

func (t *tx) next() atoll.Position {
	t.store.given = max(t.store.given, t.state.last) + 1
	t.state.last, t.wrote = t.store.given, true
	return t.state.last
}
