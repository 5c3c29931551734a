package storage

import (
	"encoding/json"
	"fmt"
)

// Load reads a value of the shelf that Save wrote. It returns atoll.NotFound when
// there is none, and leaves into as it is then.
func Load(r ShelfReader, bucket, key string, into any) error {
	b, err := r.Get(bucket, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s/%s: %w", bucket, key, err)
	}
	return nil
}

// Save writes a value to the shelf, as JSON.
func Save(w ShelfWriter, bucket, key string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s/%s: %w", bucket, key, err)
	}
	return w.Set(bucket, key, b)
}

// Listed reads the values of a bucket, as Scan does, that Save wrote.
func Listed[T any](r ShelfReader, bucket, after string, limit int, reverse bool) ([]T, error) {
	items, err := r.Scan(bucket, after, limit, reverse)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(items))
	for i, it := range items {
		if err := json.Unmarshal(it.Value, &out[i]); err != nil {
			return nil, fmt.Errorf("%s/%s: %w", bucket, it.Key, err)
		}
	}
	return out, nil
}

// Clear drops everything in the buckets.
func Clear(tx Tx, buckets ...string) error {
	for _, bucket := range buckets {
		items, err := tx.Scan(bucket, "", 0, false)
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := tx.Drop(bucket, it.Key); err != nil {
				return err
			}
		}
	}
	return nil
}
