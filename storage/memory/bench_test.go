package memory_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
	"github.com/atollsync/atoll/storage/sqlite"
)

const filled = 20_000 // records in a database before it is measured

func benchRecord(n int) (atoll.Record, map[string]string) {
	id := atoll.NewID(time.UnixMilli(1_700_000_000_000 + int64(n)))
	store, item := atoll.DeriveID("store", fmt.Sprint(n%50)), atoll.DeriveID("item", fmt.Sprint(n%2000))
	return atoll.Record{
		Key: atoll.Key{Type: "stock_line", ID: id}, Version: 1,
		Body: fmt.Appendf(nil, `{"batch":"B%07d","cost_price":"12.50","expiry_date":"2028-03-31","item_id":"%s","note":"%0180d",`+
			`"available_packs":"%d","pack_size":"10","sell_price":"14.75","store_id":"%s","supplier_id":"%s","total_packs":"%d"}`,
			n, item, n, n%100, store, store, n%100),
		Origin: atoll.Origin{Site: 3, Seq: uint64(n + 1)}, Audiences: []atoll.Audience{atoll.StoreAudience(store)},
	}, map[string]string{"store_id": string(store), "item_id": string(item)}
}

// commit is a small transaction as the centre makes it: three records, the entry
// they came with, and their lines in the feed.
func commit(s storage.Store, seq int) error {
	return s.Update(context.Background(), func(tx storage.Tx) error {
		for n := range 3 {
			r, index := benchRecord(3*seq + n)
			at, err := tx.Put(r, index)
			if err != nil {
				return err
			}
			if err := tx.List(r.Audiences[0], storage.FeedLine{Position: at, Key: r.Key}); err != nil {
				return err
			}
		}
		return tx.Append(storage.JournalEntry{Site: 3, Seq: uint64(seq + 1), Hash: atoll.Hash{1}, Received: time.UnixMilli(1), Content: make([]byte, 1500)})
	})
}

// engines runs a benchmark on both: memory, and SQLite as simulations use it,
// without waiting for the disk.
func engines(b *testing.B, fn func(b *testing.B, open func() storage.Store)) {
	b.Helper()
	b.Run("memory", func(b *testing.B) {
		disk := memory.NewDisk()
		fn(b, func() storage.Store { return memory.Open(disk, memory.Options{}) })
	})
	b.Run("sqlite", func(b *testing.B) {
		file := filepath.Join(b.TempDir(), "atoll.db")
		fn(b, func() storage.Store {
			s, err := sqlite.Open(b.Context(), file, sqlite.Options{NoSync: true})
			if err != nil {
				b.Fatal(err)
			}
			return s
		})
	})
}

func fill(b *testing.B, s storage.Store) (next int) {
	b.Helper()
	for next < filled/3 {
		if err := commit(s, next); err != nil {
			b.Fatal(err)
		}
		next++
	}
	return next
}

// BenchmarkOpen opens an empty database and closes it.
func BenchmarkOpen(b *testing.B) {
	engines(b, func(b *testing.B, open func() storage.Store) {
		for b.Loop() {
			if err := open().Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCommit commits three new records, their entry and their lines in the
// feed, in a database of 20,000 records.
func BenchmarkCommit(b *testing.B) {
	engines(b, func(b *testing.B, open func() storage.Store) {
		s := open()
		defer s.Close()
		seq := fill(b, s)
		for b.Loop() {
			if err := commit(s, seq); err != nil {
				b.Fatal(err)
			}
			seq++
		}
	})
}

// BenchmarkSavepoint changes one record in a savepoint, in a transaction that
// has many.
func BenchmarkSavepoint(b *testing.B) {
	engines(b, func(b *testing.B, open func() storage.Store) {
		s := open()
		defer s.Close()
		fill(b, s)
		err := s.Update(b.Context(), func(tx storage.Tx) error {
			for n := 0; b.Loop(); n++ {
				r, index := benchRecord(n % filled)
				if err := tx.Savepoint(func() error { _, err := tx.Put(r, index); return err }); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkRecord reads single records, each in a View of its own.
func BenchmarkRecord(b *testing.B) {
	engines(b, func(b *testing.B, open func() storage.Store) {
		s := open()
		defer s.Close()
		fill(b, s)
		var keys []atoll.Key
		if err := s.View(b.Context(), func(r storage.Reader) error {
			records, err := r.Records(storage.Query{Type: "stock_line", Limit: 1000})
			for _, rec := range records {
				keys = append(keys, rec.Key)
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
		for n := 0; b.Loop(); n++ {
			if err := s.View(b.Context(), func(r storage.Reader) error { _, err := r.Record(keys[n%len(keys)]); return err }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCopy makes an image of a disk with 20,000 records, and one commit on
// it.
func BenchmarkCopy(b *testing.B) {
	disk := memory.NewDisk()
	seq := fill(b, memory.Open(disk, memory.Options{}))
	b.Run("image", func(b *testing.B) {
		for b.Loop() {
			_ = disk.Copy()
		}
	})
	b.Run("image and commit", func(b *testing.B) {
		for b.Loop() {
			if err := commit(memory.Open(disk.Copy(), memory.Options{}), seq); err != nil {
				b.Fatal(err)
			}
		}
	})
}
