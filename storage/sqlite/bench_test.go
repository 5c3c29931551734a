package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

const batch = 500

func benchRecord(n int) (atoll.Record, map[string]string) {
	// As sites give ids: rising with time.
	id := atoll.NewID(time.UnixMilli(1_700_000_000_000 + int64(n)))
	store, item := atoll.DeriveID("store", fmt.Sprint(n%50)), atoll.DeriveID("item", fmt.Sprint(n%2000))
	return atoll.Record{
		Key: atoll.Key{Type: "stock_line", ID: id}, Version: 1,
		Body: fmt.Appendf(nil, `{"batch":"B%07d","cost_price":"12.50","expiry_date":"2028-03-31","item_id":"%s","note":"%0180d",`+
			`"available_packs":"%d","pack_size":"10","sell_price":"14.75","store_id":"%s","supplier_id":"%s","total_packs":"%d"}`,
			n, item, n, n%100, store, store, n%100),
		Origin: atoll.Origin{Site: 3, Seq: uint64(n/batch + 1)}, Audiences: []atoll.Audience{atoll.StoreAudience(store)},
	}, map[string]string{"store_id": string(store), "item_id": string(item)}
}

type benchBatch struct {
	records []atoll.Record
	index   []map[string]string
	content []byte
}

func benchBatches(count int) []benchBatch {
	out := make([]benchBatch, count)
	for i := range out {
		for n := range batch {
			r, index := benchRecord(i*batch + n)
			out[i].records = append(out[i].records, r)
			out[i].index = append(out[i].index, index)
			out[i].content = append(out[i].content, r.Body...)
		}
	}
	return out
}

// floor is what the disk and the driver allow: the same bytes in the same
// batches into one table without indexes, by a bare loop.
func floor(b *testing.B) (write func(benchBatch) error) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(b.TempDir(), "floor.db"), "rwc", "journal_mode(wal)", "synchronous(full)", "cache_size(-16384)", "wal_autocheckpoint(8000)"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	conn, err := db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.WithoutCancel(b.Context()) // a context that can end makes the driver watch it
	if _, err := conn.ExecContext(ctx, `CREATE TABLE floor (n INTEGER PRIMARY KEY, body TEXT NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	insert, err := conn.PrepareContext(ctx, `INSERT INTO floor (body) VALUES (?)`)
	if err != nil {
		b.Fatal(err)
	}
	return func(batch benchBatch) error {
		if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		for _, r := range batch.records {
			if _, err := insert.ExecContext(ctx, string(r.Body)); err != nil {
				return err
			}
		}
		_, err := conn.ExecContext(ctx, "COMMIT")
		return err
	}
}

func store(s *Store, seq *uint64, entryEach bool) func(benchBatch) error {
	return func(batch benchBatch) error {
		return s.Update(context.Background(), func(tx storage.Tx) error {
			for i, r := range batch.records {
				if _, err := tx.Put(r, batch.index[i]); err != nil {
					return err
				}
				if entryEach {
					*seq++
					if err := tx.Append(benchEntry(*seq, r.Body)); err != nil {
						return err
					}
				}
			}
			if entryEach {
				return nil
			}
			*seq++
			return tx.Append(benchEntry(*seq, batch.content))
		})
	}
}

func benchEntry(seq uint64, content []byte) storage.JournalEntry {
	return storage.JournalEntry{Site: 3, Seq: seq, Hash: atoll.Hash{1}, Received: time.UnixMilli(1), Content: content}
}

// BenchmarkPut writes batches of records, each with two index values, and their
// journal. In each round the floor writes the same records, so that both meet
// the same disk; x/floor is how many times longer the store takes.
func BenchmarkPut(b *testing.B) {
	for _, tt := range []struct {
		name                string
		entryEach, existing bool
	}{
		{"new", false, false},
		{"changed", false, true},
		{"new, an entry each", true, false},
	} {
		b.Run(tt.name, func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "atoll.db"))
			b.Cleanup(func() { s.Close() })
			var seq uint64
			write, bare := store(s, &seq, tt.entryEach), floor(b)
			var took, least time.Duration
			round := func(batch benchBatch) {
				began := time.Now()
				if err := write(batch); err != nil {
					b.Fatal(err)
				}
				between := time.Now()
				if err := bare(batch); err != nil {
					b.Fatal(err)
				}
				took += between.Sub(began)
				least += time.Since(between)
			}
			var batches []benchBatch
			if tt.existing {
				batches = benchBatches(40)
				for _, batch := range batches {
					round(batch)
				}
				took, least = 0, 0
			}
			n := 0
			for b.Loop() {
				if n >= len(batches) && !tt.existing {
					b.StopTimer()
					batches = append(batches, benchBatches(n + 20)[n:]...)
					b.StartTimer()
				}
				round(batches[n%len(batches)])
				n++
			}
			records := float64(n * batch)
			b.ReportMetric(records/took.Seconds(), "records/s")
			b.ReportMetric(records/least.Seconds(), "floor-records/s")
			b.ReportMetric(took.Seconds()/least.Seconds(), "x/floor")
			b.ReportMetric(0, "ns/op") // holds both, and means nothing
		})
	}
}

// BenchmarkChanged reads all records in pages, as a reader with a cursor does.
// The floor reads the bare table.
func BenchmarkChanged(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "atoll.db"))
	b.Cleanup(func() { s.Close() })
	var seq uint64
	for _, batch := range benchBatches(20) {
		if err := store(s, &seq, false)(batch); err != nil {
			b.Fatal(err)
		}
	}
	var took, least time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		var cursor atoll.Position
		for {
			var page []atoll.Record
			if err := s.View(b.Context(), func(r storage.Reader) (err error) {
				page, err = r.Changed(cursor, batch)
				return err
			}); err != nil {
				b.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			cursor = page[len(page)-1].Position
			n += len(page)
		}
		between := time.Now()
		rows, err := s.reading.QueryContext(context.Background(), `SELECT body FROM record ORDER BY position`)
		if err != nil {
			b.Fatal(err)
		}
		var body []byte
		for rows.Next() {
			if err := rows.Scan(&body); err != nil {
				b.Fatal(err)
			}
		}
		if err := rows.Close(); err != nil {
			b.Fatal(err)
		}
		took += between.Sub(began)
		least += time.Since(between)
	}
	b.ReportMetric(float64(n)/took.Seconds(), "records/s")
	b.ReportMetric(took.Seconds()/least.Seconds(), "x/floor")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRecord reads single records in one View.
func BenchmarkRecord(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "atoll.db"))
	b.Cleanup(func() { s.Close() })
	var seq uint64
	batches := benchBatches(20)
	for _, batch := range batches {
		if err := store(s, &seq, false)(batch); err != nil {
			b.Fatal(err)
		}
	}
	err := s.View(b.Context(), func(r storage.Reader) error {
		n := 0
		for b.Loop() {
			n++
			if _, err := r.Record(batches[n%20].records[n%batch].Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPage reads a page from the middle of a list, in either order, by id and by a
// field: going back costs what going forward does.
func BenchmarkPage(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "atoll.db"))
	b.Cleanup(func() { s.Close() })
	var seq uint64
	batches := benchBatches(40)
	made := time.UnixMilli(1_700_000_000_000)
	for i, batch := range batches {
		for n := range batch.index {
			batch.index[n]["at"] = made.Add(time.Duration(i*len(batch.index)+n) * time.Minute).UTC().Format(time.RFC3339)
		}
		if err := store(s, &seq, false)(batch); err != nil {
			b.Fatal(err)
		}
	}
	middle := batches[20].records[0].ID
	where := map[string]string{"store_id": batches[20].index[0]["store_id"]}
	for _, q := range []storage.Query{{}, {Where: where}, {By: "at"}, {By: "at", Where: where}} {
		for _, falling := range []bool{false, true} {
			q.Type, q.After, q.Limit, q.Falling = "stock_line", middle, 50, falling
			b.Run(fmt.Sprintf("by %q, %d values, falling %t", q.By, len(q.Where), falling), func(b *testing.B) {
				for b.Loop() {
					err := s.View(b.Context(), func(r storage.Reader) error {
						page, err := r.Records(q)
						if len(page) != 50 {
							b.Errorf("a page has %d", len(page))
						}
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
