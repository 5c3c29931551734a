package journal

import (
	"context"
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
)

// What the index holds is decided when a record is written, by the catalogue of
// that moment and by this scheme. The shelf remembers both.
const (
	indexScheme = "3" // 2: words that records are looked for by; 3: when what a store has was made
	indexBucket = "index"
	indexKey    = "made by"
	indexAtOnce = 1000 // records in a transaction
)

// Reindex makes the index what this catalogue says, when the records were written
// under another: a field that lists filter by since, a new type of the operator's.
// No record changes by it. It goes on where it was interrupted, and returns how
// many records it looked at: none when there was nothing to do.
func Reindex(ctx context.Context, store storage.Store, c *catalogue.Catalogue) (records int, err error) {
	want := indexScheme + "/" + c.Hash()
	var at atoll.Position
	done, err := indexed(ctx, store, want)
	for err == nil && !done {
		n := 0
		err = store.Update(ctx, func(tx storage.Tx) error {
			page, err := tx.Changed(at, indexAtOnce)
			if err != nil {
				return err
			}
			for _, r := range page {
				f, err := r.Fields()
				if err != nil {
					continue // verification finds it, and puts it back as it was
				}
				if err := tx.Reindex(r.Key, c.Index(r.Type, f)); err != nil {
					return err
				}
			}
			if n, done = len(page), len(page) < indexAtOnce; done {
				return tx.Set(indexBucket, indexKey, []byte(want))
			}
			at = page[n-1].Position
			return nil
		})
		records += n
	}
	return records, err
}

func indexed(ctx context.Context, store storage.Store, want string) (is bool, err error) {
	err = store.View(ctx, func(r storage.Reader) error {
		b, err := r.Get(indexBucket, indexKey)
		if is = string(b) == want; errors.Is(err, atoll.NotFound) {
			return nil
		}
		return err
	})
	return is, err
}
