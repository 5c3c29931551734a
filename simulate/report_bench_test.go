package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/sqlite"
)

// country is a centre with the stock of many stores, made once and kept in the
// directory for temporary files.
func country(b testing.TB, stores, items int) *station.Station {
	b.Helper()
	name := filepath.Join(os.TempDir(), fmt.Sprintf("atoll-report-bench-1-%dx%d.db", stores, items))
	_, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		settle(b, name, stores, items)
	}
	store, err := sqlite.Open(b.Context(), name, sqlite.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	return station.New(station.Identity{Role: station.Central, Site: atoll.CentreID, Name: "Centre"},
		station.Options{Store: store, Catalogue: catalogue.Embedded(), Now: func() time.Time { return now }})
}

func settle(b testing.TB, name string, stores, items int) {
	b.Helper()
	part := name + ".part"
	os.Remove(part)
	ctx := context.WithoutCancel(b.Context())
	s, err := sqlite.Open(ctx, part, sqlite.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	cat, start := catalogue.Embedded(), time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	var tx storage.Tx
	n := 0
	put := func(kind atoll.Type, id atoll.ID, f atoll.Fields) error {
		_, err := tx.Put(atoll.Record{
			Key: atoll.Key{Type: kind, ID: id}, Version: 1, Body: f.Encode(), Origin: atoll.Origin{Site: 2, Seq: 1},
			Audiences: []atoll.Audience{atoll.StoreAudience(f.ID("store_id"))},
		}, cat.Index(kind, f))
		return err
	}
	shop := func(i int) atoll.ID { return atoll.DeriveID("bench store", fmt.Sprint(i)) }
	item := func(i int) atoll.ID { return atoll.DeriveID("bench item", fmt.Sprint(i)) }
	rows := func(from, to int, fn func(i int) error) {
		for ; from < to && err == nil; from += 2000 {
			err = s.Update(ctx, func(t storage.Tx) error {
				tx = t
				for i := from; i < min(from+2000, to); i++ {
					if err := fn(i); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	rows(1, stores/10+2, func(i int) error {
		return put("site", atoll.DeriveID("bench site", fmt.Sprint(i)), atoll.Fields{}.Set("site_id", i).Set("name", fmt.Sprint("Site ", i)).Set("kind", "server"))
	})
	rows(0, stores, func(i int) error {
		return put("store", shop(i), atoll.Fields{}.Set("code", fmt.Sprintf("S%04d", i)).Set("name", fmt.Sprint("Store ", i)).Set("site_id", 2+i/10).Set("epoch", 1))
	})
	rows(0, items, func(i int) error {
		return put("item", item(i), atoll.Fields{}.Set("code", fmt.Sprintf("I%04d", i)).Set("name", fmt.Sprintf("Item %d, a medicine", i)).Set("kind", "stock"))
	})
	// In the order in which sites make them: each store receives its items one by one.
	rows(0, stores*items, func(i int) error {
		n++
		return put("stock_line", atoll.NewID(start.Add(time.Duration(i)*time.Second)), atoll.Fields{}.Set("store_id", shop(i%stores)).Set("item_id", item(i/stores)).
			Set("batch", fmt.Sprintf("B%07d", i)).Set("expiry_date", "2028-06-30").Set("pack_size", number("100")).
			Set("total_number_of_packs", number(fmt.Sprint(i%97+1))).Set("available_number_of_packs", number(fmt.Sprint(i%97))).
			Set("cost_price_per_pack", number("12.50")).Set("sell_price_per_pack", number("14.75")).Set("on_hold", false).
			Set("location_id", shop(i%stores)).Set("supplier_id", shop(0)).Set("volume_per_pack", number("0.002")).Set("note", "as delivered"))
	})
	if err := errors.Join(err, s.Close(), os.Rename(part, name)); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStockOnHand is R-J-14: stock on hand of 1,000 stores by 500 items in
// under five seconds.
func BenchmarkStockOnHand(b *testing.B) {
	s := country(b, 1000, 500)
	for _, by := range []report.By{report.ByItem, report.ByBatch, report.BySystem} {
		b.Run(string(by), func(b *testing.B) {
			for b.Loop() {
				t, err := s.Report(b.Context(), "stock", report.Question{By: by})
				if err != nil {
					b.Fatal(err)
				}
				if want := map[report.By]int{report.BySystem: 500}[by]; len(t.Rows) != max(want, 500) && by == report.BySystem || by != report.BySystem && len(t.Rows) != 500_000 {
					b.Fatalf("%d rows", len(t.Rows))
				}
			}
		})
	}
	for _, name := range []string{"value", "use", "consumption"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Report(b.Context(), name, report.Question{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	t, err := s.Report(b.Context(), "stock", report.Question{})
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range report.Formats {
		b.Run("as "+string(f), func(b *testing.B) {
			for b.Loop() {
				if err := t.Write(io.Discard, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
