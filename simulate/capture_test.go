package simulate

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/gateway/msupply"
)

// capture reads a capture of another system's server into the centre.
func (w *world) capture(file string) msupply.Report {
	w.t.Helper()
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		w.t.Skip("the capture of a real server is not beside this checkout")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	n := w.Centre
	report, err := msupply.Import(w.ctx, bytes.NewReader(b), msupply.Options{
		Writer: msupply.Local{Store: n.Store, Door: n.Door}, Catalogue: n.Catalogue, Now: w.Clock.Now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// TestR_J_09_TheLedgerOfARealServer: the stock of a real server is what the
// documents imported with it say, line by line: what is there, what is set aside,
// and never below nothing on the way.
func TestR_J_09_TheLedgerOfARealServer(t *testing.T) {
	w := f1(t)
	w.capture("../../shared/samples/msupply-reference.json")
	res, err := w.Centre.CheckStock(w.ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	reserved := 0
	for _, r := range w.list(1, "stock_line") {
		if documents.Compare(r.Fields.Number("total_number_of_packs"), r.Fields.Number("available_number_of_packs")) != 0 {
			reserved++
		}
	}
	if res.Lines != 63 || res.Postings < 100 || reserved == 0 {
		t.Errorf("%d stock lines, %d of them with something set aside, and %d lines of documents; the capture has more", res.Lines, reserved, res.Postings)
	}
	for _, d := range res.Differences {
		t.Errorf("%+v", d)
	}
}

// TestR_J_09_WhatDiffersIsNamed: a capture whose stock is not what its documents
// say is imported as it is, and each line that differs is named with what it has
// too many; nothing is corrected.
func TestR_J_09_WhatDiffersIsNamed(t *testing.T) {
	w := f1(t)
	w.capture("../gateway/msupply/testdata/small.json")
	before := w.seq(1)
	res, err := w.Centre.CheckStock(w.ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Differences) == 0 {
		t.Fatal("the small capture has stock without all its documents, and none was named")
	}
	for _, d := range res.Differences {
		f := w.want(1, "stock_line", d.StockLine).Fields
		if d.Total != f.Number("total_number_of_packs") || documents.Compare(documents.Sub(d.Total, d.Ledger.Total), d.Off.Total) != 0 ||
			d.Store != f.ID("store_id") || d.Item != f.ID("item_id") {
			t.Errorf("%+v of %v", d, f)
		}
	}
	if w.seq(1) != before {
		t.Error("the check wrote something")
	}
	one, err := w.Centre.CheckStock(w.ctx, atoll.NewID(w.Clock.Now()))
	if err != nil || one.Lines != 0 {
		t.Errorf("a store without stock: %+v, %v", one, err)
	}
}
