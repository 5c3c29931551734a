package storage

import (
	"encoding/json"
	"fmt"

	fast "github.com/go-json-experiment/json"
	json1 "github.com/go-json-experiment/json/v1"
)

// Load reads a value of the shelf that Save wrote. It returns atoll.NotFound when
// there is none, and leaves into as it is then.
func Load(r ShelfReader, bucket, key string, into any) error {
	b, err := r.Get(bucket, key)
	if err != nil {
		return err
	}
	return Decode(bucket, Item{Key: key, Value: b}, into)
}

// written is how encoding/json writes what the reader's own rules have otherwise.
var written = fast.JoinOptions(json1.FormatDurationAsNano(true), json1.FormatByteArrayAsArray(true))

// Decode reads a value of the bucket that Save wrote and Scan returned. A list of all sites
// reads tens of thousands, and a site where it stands at every question, for which
// encoding/json takes four times as long.
func Decode(bucket string, it Item, into any) error {
	if err := fast.Unmarshal(it.Value, into, written); err != nil {
		return fmt.Errorf("%s/%s: %w", bucket, it.Key, err)
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
		if err := Decode(bucket, it, &out[i]); err != nil {
			return nil, err
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
