package memory

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

func (r *reader) value(bucket, key string) (*value, bool) {
	r.ask.value.bucket, r.ask.value.Key = bucket, key
	return r.state.shelf.tree.Get(&r.ask.value)
}

// Get implements [storage.ShelfReader].
func (r *reader) Get(bucket, key string) ([]byte, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	v, ok := r.value(bucket, key)
	if !ok {
		return nil, atoll.Errorf(atoll.NotFound, "%s has no %q", bucket, key)
	}
	return clone(v.Value), nil
}

// Scan implements [storage.ShelfReader].
func (r *reader) Scan(bucket, after string, limit int, reverse bool) ([]storage.Item, error) {
	err := r.call()
	if err != nil {
		return nil, err
	}
	var out []storage.Item
	most := bound(limit)
	add := func(v *value) bool {
		if after != "" && v.Key == after {
			return true
		}
		out = append(out, storage.Item{Key: v.Key, Value: clone(v.Value)})
		err = r.tired(len(out))
		return err == nil && len(out) < most
	}
	r.ask.value.bucket, r.ask.value.Key = bucket, after
	switch {
	case !reverse:
		r.state.shelf.tree.Ascend(&r.ask.value, func(v *value) bool { return v.bucket == bucket && add(v) })
	default:
		if after == "" { // from the end: the beginning of the next bucket there can be
			r.ask.value.bucket += "\x00"
		}
		r.state.shelf.tree.Descend(&r.ask.value, func(v *value) bool {
			if v.bucket != bucket {
				return v.bucket > bucket
			}
			return add(v)
		})
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Walk implements [storage.ShelfReader]. As the contract has it, what fn is given is gone
// when it returns, and fn must not use this reader: it fails then.
func (r *reader) Walk(bucket string, fn func(key, value []byte) error) error {
	if err := r.call(); err != nil {
		return err
	}
	var err, theirs error
	var key, val []byte
	n := 0
	step := func(v *value) error {
		// Copies that the next value overwrites: who keeps one is found out.
		key, val = append(key[:0], v.Key...), append(val[:0], v.Value...)
		r.inRows = true
		defer func() { r.inRows = false }()
		return fn(key, val)
	}
	r.ask.value.bucket, r.ask.value.Key = bucket, ""
	r.state.shelf.tree.Ascend(&r.ask.value, func(v *value) bool {
		if v.bucket != bucket {
			return false
		}
		n++
		if theirs = step(v); theirs == nil {
			err = r.tired(n)
		}
		return theirs == nil && err == nil
	})
	if theirs != nil {
		return theirs
	}
	return err
}

// Set implements [storage.ShelfWriter].
func (t *tx) Set(bucket, key string, v []byte) error {
	if err := t.call(); err != nil {
		return err
	}
	write(t, &t.state.shelf).Set(&value{bucket, storage.Item{Key: key, Value: clone(v)}})
	return nil
}

// Drop implements [storage.ShelfWriter].
func (t *tx) Drop(bucket, key string) error {
	if err := t.call(); err != nil {
		return err
	}
	if had, ok := t.value(bucket, key); ok {
		write(t, &t.state.shelf).Delete(had)
	}
	return nil
}
