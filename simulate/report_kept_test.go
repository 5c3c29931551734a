package simulate

import (
	"context"
	"reflect"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/storage"
)

// scans counts how often all records of a type are read through.
type scans struct {
	storage.Store
	n *int
}

func (s scans) View(ctx context.Context, fn func(storage.Reader) error) error {
	return s.Store.View(ctx, func(r storage.Reader) error { return fn(scanned{r, s.n}) })
}

type scanned struct {
	storage.Reader
	n *int
}

func (s scanned) Rows(q storage.RowQuery, fn func(storage.Row) error) error {
	if q.Type == "stock_line" || q.Type == "item" && len(q.Where) == 0 {
		*s.n++
	}
	return s.Reader.Rows(q, fn)
}

// What a centre keeps in memory for reports is what its database holds: what was
// changed, deleted, forgotten or lost in a restore is seen by the next who asks, and as
// long as nothing of it was lost without a trace nothing is read through for it.
//
// R-J-02, R-J-11.
func TestR_J_02_R_J_11_ReportsFromMemory(t *testing.T) {
	w := f1(t)
	x := w.item("x")
	w.sync(2, 3)
	first, second := w.stock("B", x, "50"), w.stock("C", x, "7")
	w.sync(2, 3)
	read, everything := 0, report.Question{}
	w.Centre.Station.Store = scans{w.Centre.Store, &read}
	keep := func() {
		t.Helper()
		if err := w.Centre.KeepReports(w.ctx); err != nil {
			t.Fatal(err)
		}
		read = 0
	}
	shows := func(scanned int, want ...string) {
		t.Helper()
		w.shows(w.report(1, "stock", everything), "store item units", want...)
		if read != scanned {
			t.Errorf("types were read through %d times, want %d", read, scanned)
		}
		read = 0
	}
	put := func(change func(storage.Tx) error) {
		t.Helper()
		if err := w.Centre.Store.Update(w.ctx, change); err != nil {
			t.Fatal(err)
		}
	}
	key := func(id atoll.ID) atoll.Key { return atoll.Key{Type: "stock_line", ID: id} }
	keep()
	shows(0, "B x 500", "C x 70")
	old := w.raw(1, "stock_line", first)

	w.paperOut(first, "10")
	third := w.stock("B", x, "1")
	w.sync(2)
	shows(0, "B x 410", "C x 70")

	put(func(tx storage.Tx) error {
		rec, err := tx.Record(key(third))
		if err != nil {
			return err
		}
		rec.Deleted = true
		_, err = tx.Put(rec, nil)
		return err
	})
	shows(0, "B x 400", "C x 70")

	// One is forgotten, and another comes in its place: the number is what it was.
	put(func(tx storage.Tx) error {
		rec, err := tx.Record(key(second))
		if err != nil {
			return err
		}
		if err := tx.Forget(rec.Key); err != nil {
			return err
		}
		rec.ID = atoll.DeriveID("in its place")
		rec.Body = rec.MustFields().Set("total_number_of_packs", number("9")).Encode()
		_, err = tx.Put(rec, w.Catalogue.Index("stock_line", rec.MustFields()))
		return err
	})
	shows(2, "B x 400", "C x 90")
	keep()
	shows(0, "B x 400", "C x 90")

	// One is forgotten, and nothing else happens.
	put(func(tx storage.Tx) error { return tx.Forget(key(atoll.DeriveID("in its place"))) })
	shows(2, "B x 400")
	keep()
	shows(0, "B x 400")
	// A record is put in the place of another.
	put(func(tx storage.Tx) error {
		_, err := tx.Put(old, w.Catalogue.Index("stock_line", old.MustFields()))
		return err
	})
	shows(0, "B x 500")
}

// Every report says from memory what it says from the database: of merged items, of one
// that is not there, of names with quotes, and in the order of the database.
//
// R-J-02, R-E-21.
func TestR_J_02_R_E_21_FromMemoryAsFromTheDatabase(t *testing.T) {
	w := f1(t)
	gone := atoll.DeriveID("an item that nobody has")
	var items []atoll.ID
	for _, code := range []string{"q", "b", "z", "a"} {
		items = append(items, w.item(code))
	}
	_, odd := Item("odd")
	odd.Fields.Set("name", "a \"strange\" name\\")
	w.edit(w.topology(atoll.CentreID).Primary(), odd)
	w.sync(2, 3)
	for i, item := range append(items, odd.Key.ID) {
		w.stock("B", item, []string{"0.5", "12.25", "3", "7", "1000"}[i])
		w.stock("C", item, "4")
	}
	w.sync(2, 3)
	w.merge(1, "item", items[0], items[1])
	key := atoll.Key{Type: "stock_line", ID: atoll.DeriveID("stock of it")}
	fields := atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("item_id", gone).Set("total_number_of_packs", number("2")).Set("available_number_of_packs", number("-1.5"))
	if err := w.Centre.Store.Update(w.ctx, func(tx storage.Tx) error {
		_, err := tx.Put(atoll.Record{Key: key, Version: 1, Body: fields.Encode()}, w.Catalogue.Index(key.Type, fields))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	read := 0
	w.Centre.Station.Store = scans{w.Centre.Store, &read}
	asked := func() (out [][][]string) {
		t.Helper()
		for _, by := range []report.By{report.ByItem, report.ByBatch, report.BySystem} {
			out = append(out, w.report(1, "stock", report.Question{By: by}).Rows)
		}
		for _, name := range []string{"value", "use", "consumption", "dashboard"} {
			out = append(out, w.report(1, name, report.Question{}).Rows)
		}
		return append(out, w.report(1, "stock", w.of("B")).Rows)
	}
	want := asked()
	if err := w.Centre.KeepReports(w.ctx); err != nil {
		t.Fatal(err)
	}
	read = 0
	if got := asked(); !reflect.DeepEqual(got, want) {
		t.Errorf("from memory\n%v\nfrom the database\n%v", got, want)
	}
	if read != 0 {
		t.Errorf("types were read through %d times", read)
	}
	if got := w.report(1, "stock", report.Question{By: report.BySystem}); len(got.Rows) != 5 {
		t.Errorf("the answer has not what the test is about: %v", got.Rows)
	}
	// The order of items is remembered, until one of them is called otherwise.
	w.edit(w.topology(atoll.CentreID).Primary(), journal.Proposal{
		Verb: atoll.Update, Key: atoll.Key{Type: "item", ID: items[2]}, Fields: atoll.Fields{}.Set("code", "0"),
	})
	if got := w.report(1, "stock", report.Question{By: report.BySystem}).Rows; got[1][0] != "0" {
		t.Errorf("an item that is called otherwise is not in its place: %v", got)
	}
}

// A centre that was restored from a backup reports what is in the backup.
//
// R-J-11, R-M-03.
func TestR_J_11_R_M_03_ReportsOfARestoredCentre(t *testing.T) {
	w := f1(t)
	x := w.item("x")
	w.sync(2)
	line := w.stock("B", x, "50")
	w.sync(2)
	backup := w.stopped(t, w.Centre)
	w.paperOut(line, "3")
	w.sync(2)
	if err := w.Centre.KeepReports(w.ctx); err != nil {
		t.Fatal(err)
	}
	before := w.Centre.Station
	w.shows(w.report(1, "stock", report.Question{}), "item units", "x 470")
	w.reopen(t, w.Centre, backup)
	w.shows(w.report(1, "stock", report.Question{}), "item units", "x 500")
	// Also if the program had gone on with the database under its feet.
	before.Store = w.Centre.Store
	got, err := before.Report(w.ctx, "stock", report.Question{})
	if err != nil {
		t.Fatal(err)
	}
	w.shows(got, "item units", "x 500")
}
