package simulate

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/storage"
)

// TestR_J_12: what a dispensary used whose transactions stay at its site is
// inferred from what was delivered to it, and labelled so; at its own site it is
// known.
func TestR_J_12_R_B_94_UseIsInferred(t *testing.T) {
	w := f1(t)
	w.dispensaries("C")
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", w.Stores["C"], false, "agreed", false); err != nil {
		t.Fatal(err)
	}
	item := w.item("x")
	w.sync(2, 3)
	ci := w.ship("B", "C", w.stock("B", item, "50"), "6")
	w.sync(2, 3)
	w.act(3, receive, w.answer(3, "invoice", ci).ID)
	line := w.one(3, "stock_line", "store_id", string(w.Stores["C"]))
	at, err := w.At(3).Do(w.ctx, "tester", documents.Finalise, atoll.Key{Type: "invoice", ID: w.draftOf(3, "C", line.ID, "2")}, 0)
	if err != nil {
		t.Fatal(at, err)
	}
	w.sync(3, 2)
	const columns = "store item customers transfers inferred use basis"
	q := w.of("C")
	got := w.report(1, "use", q)
	w.shows(got, columns, "C x 0 0 60 60 inferred")
	if len(got.Notes) != 2 || !strings.Contains(got.Notes[0], "inferred") || !strings.Contains(got.Notes[1], "no transaction data") {
		t.Errorf("notes %q", got.Notes)
	}
	w.shows(w.report(1, "consumption", q), "store item consumption days_out_of_stock average_monthly_consumption units basis", "C x 60  20  inferred")
	w.shows(w.report(1, "stock", q), "store item")
	w.shows(w.report(3, "use", q), columns, "C x 20 0  20 recorded")
	w.shows(w.report(1, "use", report.Question{}), columns, "B x 0 60  60 recorded", "C x 0 0 60 60 inferred")
}

// draftOf makes a customer invoice of a store at a site.
func (w *world) draftOf(at atoll.SiteID, store string, line atoll.ID, packs string) atoll.ID {
	w.t.Helper()
	id := atoll.NewID(w.Clock.Now())
	f := kindOf(documents.CustomerInvoice).Set("store_id", w.Stores[store])
	if _, err := w.At(at).MakeDocument(w.ctx, "tester", atoll.Key{Type: "invoice", ID: id}, documents.Draft{Fields: f, Lines: []documents.DraftLine{{Fields: drawn(line, packs)}}}); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// TestR_J_09: by itself once a day and after an initialisation; differences are
// told, and nothing is corrected.
func TestR_J_09_TheLedgerIsCheckedDaily(t *testing.T) {
	w, stock := bc(t)
	var log bytes.Buffer
	at := w.At(2)
	at.Log = slog.New(slog.NewTextHandler(&log, nil))
	check := func(due bool, differences int) {
		t.Helper()
		c, was, err := at.ExamineStock(w.ctx)
		if err != nil || was != due || len(c.Differences) != differences {
			t.Errorf("ran %t, %d differences, %v; want %t, %d", was, len(c.Differences), err, due, differences)
		}
	}
	w.paperOut(stock, "6")
	w.sync(2)
	check(true, 0)
	check(false, 0)
	w.Clock.Wind(24 * time.Hour)
	rec := w.raw(2, "stock_line", stock)
	w.spoil(2, rec.Key, string(rec.MustFields().Set("total_number_of_packs", number("40")).Set("available_number_of_packs", number("40")).Encode()))
	before := w.raw(2, "stock_line", stock)
	check(true, 1)
	check(false, 1)
	if !strings.Contains(log.String(), string(stock)) || !strings.Contains(log.String(), "atoll report ledger") {
		t.Errorf("the log says %s", log.String())
	}
	if last, err := at.LastStockCheck(w.ctx); err != nil || len(last.Differences) != 1 {
		t.Errorf("%+v, %v", last, err)
	}
	w.shows(w.report(2, "ledger", report.Question{}), "store item batch packs ledger_packs", "B x L-B 40 44")
	w.shows(w.report(2, "ledger", w.of("F")), "store")
	w.shows(w.report(1, "ledger", report.Question{}), "store") // the centre's copy is sound
	if after := w.raw(2, "stock_line", stock); !bytes.Equal(after.Body, before.Body) {
		t.Error("the check corrected what it found")
	}
	// An initialisation makes it due again, once it is over.
	usable := at.Usable
	at.Usable = func(storage.Reader) error { return atoll.Errorf(atoll.Initialise, "receiving") }
	check(false, 0)
	at.Usable = usable
	check(true, 1)
}

// TestR_J_11: what is committed while a report is made is not in it.
func TestR_J_11_OneSnapshot(t *testing.T) {
	w, stock := bc(t)
	w.sync(2)
	known, wrote := w.Centre.LastSync, false
	w.Centre.LastSync = func(r storage.Reader, site atoll.SiteID) (time.Time, error) {
		if !wrote { // in the middle of the report, B sends and the centre takes it
			wrote = true
			w.ship("B", "C", stock, "7")
			w.sync(2)
		}
		return known(r, site)
	}
	w.shows(w.report(1, "value", w.of("B")), "line store units", "stock B 500", "in_transit  0", "total  500")
	if !wrote {
		t.Fatal("nothing happened meanwhile")
	}
	w.shows(w.report(1, "value", w.of("B")), "line store units", "stock B 430", "in_transit  70", "total  500")
}

// TestR_J_14 is about traffic; BenchmarkStockOnHand is about time.
func TestR_J_14_ReportsCauseNoTraffic(t *testing.T) {
	w, stock := bc(t)
	w.ship("B", "C", stock, "7")
	w.peace()
	position, seq := []atoll.Position{w.position(1), w.position(2)}, []uint64{w.seq(1), w.seq(2)}
	for _, d := range report.All {
		w.report(1, d.Name, report.Question{})
		if d.Name != "sync" {
			w.report(2, d.Name, report.Question{})
		}
	}
	if w.position(1) != position[0] || w.position(2) != position[1] || w.seq(1) != seq[0] || w.seq(2) != seq[1] {
		t.Error("a report wrote something")
	}
	for _, site := range []atoll.SiteID{2, 3} {
		if c := w.sync(site); c.Sent+c.Received > 0 {
			t.Errorf("after reports site %d sent %d and received %d", site, c.Sent, c.Received)
		}
	}
}

// TestR_I_20: when each site last connected; older than a month is marked.
func TestR_I_20_SyncReport(t *testing.T) {
	w := f1(t)
	w.sync(2, 3)
	w.Clock.Wind(32 * 24 * time.Hour)
	w.sync(3)
	if err := w.Centre.Centre.Flush(w.ctx); err != nil {
		t.Fatal(err)
	}
	s := w.report(1, "sync", report.Question{})
	w.shows(s, "site name stores days overdue", "2 Sync Client 1 B F 32 true", "3 Sync Client 2 C D 0 ")
	for i := range s.Rows {
		if at, err := time.Parse(time.RFC3339, s.Cell(i, "last_contact")); err != nil || w.Clock.Now().Sub(at) > 33*24*time.Hour || s.Cell(i, "last_sync") == "" {
			t.Errorf("%v", s.Rows[i])
		}
	}
	w.shows(w.report(1, "sync", w.of("C")), "site", "3")
	_, err := w.At(2).Report(w.ctx, "sync", report.Question{})
	w.refused(err, atoll.NotHere, "central server")
}

// TestR_D_52: under way, unanswered, and received otherwise, as tables.
//
// R-D-11, R-D-29, R-D-52.
func TestR_D_29_R_D_52_TransfersAsReports(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "7")
	w.sync(2)
	const columns = "from to kind in_transit exception reason value"
	w.shows(w.report(1, "transit", report.Question{}), columns, "B C customer_invoice true  waiting 14.7")
	w.shows(w.report(1, "exceptions", report.Question{}), "from to")
	w.Clock.Wind(24 * time.Hour)
	w.shows(w.report(1, "transit", report.Question{}), columns, "B C customer_invoice true true not_connected 14.7")
	w.shows(w.report(1, "exceptions", w.of("C")), "from to", "B C")
	w.shows(w.report(1, "exceptions", w.of("D")), "from to")
	w.sync(3)
	w.shows(w.report(1, "exceptions", report.Question{}), "from to")
	half := w.answer(3, "invoice", ci)
	w.do(3, documents.Arrive, "invoice", half.ID)
	line := w.one(3, "invoice_line", "invoice_id", string(half.ID))
	w.update(3, "invoice_line", line.ID, atoll.Fields{}.Set("number_of_packs", number("5")))
	w.act(3, receive, half.ID)
	w.peace()
	w.shows(w.report(1, "transit", report.Question{}), "from to")
	w.shows(w.report(1, "differences", report.Question{}), "from to item sent received missing", "B C x 7 5 2")
	w.shows(w.report(1, "differences", w.of("C")), "from to")
}

// TestR_J_10: a line for each store; the result for a store goes to its site and to
// no other, and only when it is another than before.
func TestR_J_10_R_B_32_Dashboard(t *testing.T) {
	w, stock := bc(t)
	x := w.want(2, "stock_line", stock).Fields.ID("item_id")
	old := Stock(atoll.NewID(w.Clock.Now()), w.Stores["B"], x, "2")
	old.Fields.Set("expiry_date", "2026-03-01")
	soon := Stock(atoll.NewID(w.Clock.Now()), w.Stores["B"], x, "4")
	soon.Fields.Set("expiry_date", "2026-05-31")
	w.edit(2, old, soon)
	w.sync(2, 3)
	const columns = "store items stock_lines value expired_value expiring_value"
	d := w.report(1, "dashboard", w.of("B", "C"))
	w.shows(d, columns, "B 1 3 84 3 6", "C 0 0 0 0 0")
	w.shows(w.report(2, "dashboard", w.of("B")), columns, "B 1 3 84 3 6")
	publish := func(want int) {
		t.Helper()
		if n, err := w.Centre.PublishDashboard(w.ctx, "tester"); err != nil || n != want {
			t.Errorf("%d results were changed, %v; want %d", n, err, want)
		}
		w.sync(2, 3)
	}
	publish(5) // all but F, of which the centre has nothing
	publish(0)
	own := w.list(2, "dashboard_store_report")
	if len(own) != 1 || own[0].Fields.ID("store_id") != w.Stores["B"] || string(own[0].Fields["result"]) != `{"expired_value":3,"expiring_value":6,"items":1,"stock_lines":3,"value":84}` {
		t.Errorf("site 2 has %d results: %s", len(own), own[0].Fields.Encode())
	}
	if got := w.list(3, "dashboard_store_report"); len(got) != 2 { // C and D
		t.Errorf("site 3 has %d results", len(got))
	}
	w.paperOut(stock, "50")
	w.sync(2)
	publish(1)
	if got := string(w.one(2, "dashboard_store_report").Fields["result"]); !strings.Contains(got, `"value":9`) {
		t.Errorf("site 2 still has %s", got)
	}
	_, err := w.At(2).PublishDashboard(w.ctx, "tester")
	w.refused(err, atoll.NotHere)

	// By itself: once a day, or as often as the preference says.
	due := func(at atoll.SiteID, want bool, changes int) {
		t.Helper()
		if n, is, err := w.At(at).PublishDue(w.ctx); err != nil || is != want || n != changes {
			t.Errorf("at site %d: due %t, %d results changed, %v; want %t, %d", at, is, n, err, want, changes)
		}
	}
	due(1, false, 0) // the day begins
	w.stock("B", x, "5")
	w.sync(2)
	w.Clock.Wind(23 * time.Hour)
	due(1, false, 0)
	w.Clock.Wind(time.Hour)
	due(2, false, 0)
	due(1, true, 1)
	due(1, false, 0)
	w.prefer("dashboard_every_hours", 2)
	w.Clock.Wind(2 * time.Hour)
	due(1, true, 0) // nothing has changed
	w.prefer("dashboard_every_hours", 0)
	w.Clock.Wind(100 * time.Hour)
	due(1, false, 0)
	w.peace()
}
