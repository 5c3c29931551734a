package simulate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/report"
)

// report asks a site, or the centre.
func (w *world) report(at atoll.SiteID, name string, q report.Question) *report.Table {
	w.t.Helper()
	t, err := w.At(at).Report(w.ctx, name, q)
	if err != nil {
		w.t.Fatalf("report %s at site %d: %v", name, at, err)
	}
	return t
}

// rows are the chosen columns of an answer, a line each.
func rows(t *report.Table, columns string) (out []string) {
	for i := range t.Rows {
		var cells []string
		for c := range strings.FieldsSeq(columns) {
			cells = append(cells, t.Cell(i, c))
		}
		out = append(out, strings.Join(cells, " "))
	}
	return out
}

// shows compares the chosen columns of an answer.
func (w *world) shows(t *report.Table, columns string, want ...string) {
	w.t.Helper()
	if got := rows(t, columns); !slices.Equal(got, want) {
		w.t.Errorf("%s shows\n  %s\nwant\n  %s", t.Report, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (w *world) of(stores ...string) (q report.Question) {
	for _, s := range stores {
		q.Stores = append(q.Stores, w.Stores[s])
	}
	return q
}

// TestR_J_02: of one store, of several, of all; by item, by batch and expiry date,
// or in all stores together.
func TestR_J_01_R_J_02_StockOnHand(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	w.stock("B", x, "50")
	more := Stock(atoll.NewID(w.Clock.Now()), w.Stores["B"], x, "2.5")
	more.Fields.Set("batch", "L-2").Set("expiry_date", "2027-01-31").Set("pack_size", number("4")).Set("cost_price_per_pack", number("0.10"))
	w.edit(2, more)
	w.stock("B", y, "3")
	w.stock("C", x, "7")
	w.stock("C", y, "0")
	w.sync(2, 3)
	w.shows(w.report(1, "stock", report.Question{}), "store store_name item packs units available_units value",
		"B Store B x 52.5 510 510 75.25", "B Store B y 3 30 30 4.5", "C Store C x 7 70 70 10.5")
	w.shows(w.report(1, "stock", w.of("C")), "store item units", "C x 70")
	q := w.of("B", "C")
	q.By, q.Item = report.ByBatch, x
	w.shows(w.report(1, "stock", q), "store item batch expiry_date units", "B x L-2 2027-01-31 10", "B x L-B 2028-06-30 500", "C x L-C 2028-06-30 70")
	w.shows(w.report(1, "stock", report.Question{By: report.BySystem}), "item units value", "x 580 85.75", "y 30 4.5")
	_, err := w.Centre.Report(w.ctx, "stock", report.Question{Stores: []atoll.ID{atoll.DeriveID("nowhere")}})
	w.refused(err, atoll.NotFound)
}

// TestR_E_21: totals are of the survivor as soon as the merge is made at the
// centre, whatever the sites still say.
func TestR_E_21_MergedItemsAreOne(t *testing.T) {
	w, stock := bc(t)
	y := w.item("y")
	x := w.want(2, "stock_line", stock).Fields.ID("item_id")
	w.sync(2, 3)
	w.stock("B", y, "3")
	w.paperOut(stock, "4")
	w.sync(2)
	w.merge(1, "item", x, y)
	if got := w.stored(1, "stock_line", stock, "item_id"); got != x {
		t.Fatal("the stock line was re-pointed already, so this shows nothing")
	}
	w.shows(w.report(1, "stock", report.Question{}), "store item units", "B y 490")
	w.shows(w.report(1, "stock", report.Question{Item: x}), "store item units", "B y 490")
	w.shows(w.report(1, "use", report.Question{}), "month store item customers", "2026-03 B y 40")
}

// paperOut gives packs of a stock line of B to a customer outside.
func (w *world) paperOut(stock atoll.ID, packs string) atoll.ID {
	w.t.Helper()
	id := w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, packs))
	w.do(2, documents.Finalise, "invoice", id)
	return id
}

// TestR_J_03_R_D_27: at every step of the chain A → B → C the units of the whole
// system are the same, with what is on its way as a line of its own.
func TestR_J_03_R_D_27_ValueWithWhatIsOnItsWay(t *testing.T) {
	c := newChain(f1(t))
	look := func(under string) {
		t.Helper()
		v := c.report(1, "value", report.Question{Item: c.item})
		var got, total string
		for i := range v.Rows {
			switch v.Cell(i, "line") {
			case "in_transit":
				got = v.Cell(i, "units") + " " + v.Cell(i, "value") + " " + v.Cell(i, "sell_value")
			case "total":
				total = v.Cell(i, "units")
			}
		}
		if got != under || total != "1000" {
			t.Errorf("in transit %s of %s units; want %s of 1000", got, total, under)
		}
	}
	look("1000 150 210")
	c.sync(2)
	look("1000 150 210")
	c.step() // B receives
	c.sync(2)
	look("0 0 0")
	c.step() // B sends to C
	look("0 0 0")
	c.sync(2)
	look("600 126 126") // bought from A at its sell price, which became the cost
	c.sync(3)
	c.step() // C receives
	look("600 126 126")
	c.sync(3)
	look("0 0 0")
	// Of one store: what it has, and what left it.
	c.shows(c.report(1, "value", c.of("B")), "line store units", "stock B 400", "in_transit  0", "total  400")
	c.peace()
}

// TestR_J_04: customers, patients, adjustments and own stores separately; the last
// left out on request. What comes back is taken off.
func TestR_J_04_UseByMonthAndStore(t *testing.T) {
	w, stock := bc(t)
	w.dispensaries("B")
	w.sync(2)
	w.paperOut(stock, "4")
	back := w.paper("invoice", kindOf(documents.CustomerCredit), brought(w.want(2, "stock_line", stock).Fields.ID("item_id"), "1"))
	w.do(2, documents.Finalise, "invoice", back)
	w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "9")) // a draft is no use
	ada := w.patient("B")
	script := w.paper("prescription", atoll.Fields{}.Set("patient_id", ada), drawn(stock, "0.5"))
	w.do(2, documents.Finalise, "prescription", script)
	w.adjustOf(2, stock, "-2")
	w.adjustOf(2, stock, "1")
	w.ship("B", "C", stock, "5")
	w.Clock.Wind(31 * 24 * time.Hour)
	w.paperOut(stock, "3")
	w.sync(2)
	const columns = "month store item customers patients transfers adjusted_down adjusted_up use basis"
	march, april := "2026-03 B x 30 5 50 20 10 85 recorded", "2026-04 B x 30 0 0 0 0 30 recorded"
	w.shows(w.report(1, "use", report.Question{}), columns, march, april)
	w.shows(w.report(2, "use", report.Question{}), columns, march, april)
	without := w.report(1, "use", report.Question{WithoutTransfers: true})
	w.shows(without, "month customers patients transfers use", "2026-03 30 5  35", "2026-04 30 0  30")
	if slices.ContainsFunc(without.Columns, func(c report.Column) bool { return c.Name == "transfers" }) {
		t.Error("transfers were to be left out")
	}
	from := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	w.shows(w.report(1, "use", report.Question{From: from}), columns, april)
	w.shows(w.report(1, "use", report.Question{To: from}), columns, march)
}

// What carries no date was used in the month in which its id was made, else in that in
// which it was committed, and the centre says the same as the site; never in a month
// before all (R-J-04, R-J-08).
func TestR_J_04_R_J_08_UseOfWhatCarriesNoDate(t *testing.T) {
	w, stock := bc(t)
	w.dispensaries("B")
	w.sync(2)
	ada := w.patient("B")
	dispense := func(id atoll.ID, dates atoll.Fields) {
		t.Helper()
		line := w.want(2, "stock_line", stock).Fields
		left := number(documents.Sub(line.Number("total_number_of_packs"), "1"))
		b := w.Stores["B"]
		w.edit(2,
			journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "prescription", ID: id}, Fields: dates.Set("store_id", b).Set("patient_id", ada).
				Set("status", documents.Finalised).Set("line_count", 1)},
			journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "prescription_line", ID: atoll.DeriveID("line of", string(id))}, Fields: atoll.Fields{}.
				Set("prescription_id", id).Set("store_id", b).Set("patient_id", ada).Set("kind", documents.StockOut).Set("item_id", line.ID("item_id")).
				Set("stock_line_id", stock).Set("number_of_packs", 1)},
			journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "stock_line", ID: stock}, Fields: atoll.Fields{}.
				Set("total_number_of_packs", left).Set("available_number_of_packs", left)})
	}
	made := atoll.NewID(w.Clock.Now())
	w.Clock.Wind(31 * 24 * time.Hour)
	dispense(made, atoll.Fields{})                                                             // March, by its id
	dispense(atoll.DeriveID("of another system"), atoll.Fields{})                              // April, by its entry
	dispense(atoll.DeriveID("written"), atoll.Fields{}.Set("prescription_date", "2026-02-17")) // as it says
	w.sync(2)
	const columns = "month store patients use"
	february, march, april := "2026-02 B 1 1", "2026-03 B 1 1", "2026-04 B 1 1"
	for _, at := range []atoll.SiteID{1, 2} {
		w.shows(w.report(at, "use", report.Question{}), columns, february, march, april)
		from := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		w.shows(w.report(at, "use", report.Question{From: from}), columns, april)
		w.shows(w.report(at, "use", report.Question{To: from}), columns, february, march)
	}
}

// TestR_J_05: the look-back is a preference of the store, days in a month and the
// adjustment are preferences of the system.
func TestR_J_05_AverageMonthlyConsumption(t *testing.T) {
	w, stock := bc(t)
	day := func(n int) { w.Clock.Wind(time.Duration(n) * 24 * time.Hour) }
	w.prefer("days_in_month", 30)
	w.sync(2)
	w.paperOut(stock, "6")
	day(20)
	w.paperOut(stock, "44") // nothing is left
	day(40)
	in := w.paper("invoice", kindOf(documents.SupplierInvoice), brought(w.want(2, "stock_line", stock).Fields.ID("item_id"), "30"))
	w.do(2, documents.Finalise, "invoice", in)
	w.ship("B", "C", w.one(2, "invoice_line", "invoice_id", string(in)).Fields.ID("stock_line_id"), "10")
	day(10)
	w.sync(2)
	const columns = "store item consumption look_back_months days_out_of_stock average_monthly_consumption units months_of_stock basis"
	// 600 in 90 days, of which 39 whole days were without stock.
	w.shows(w.report(1, "consumption", report.Question{}), columns, "B x 600 3 39 352.941176470588 200 0.566666666667 recorded")
	w.shows(w.report(1, "consumption", report.Question{WithoutTransfers: true}), "consumption average_monthly_consumption", "500 294.117647058824")
	w.insert(1, "store_preference", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("key", "monthly_consumption_look_back_period").Set("value", 1))
	w.shows(w.report(1, "consumption", report.Question{}), columns, "B x 100 1 19 272.727272727273 200 0.733333333333 recorded")
	w.prefer("adjust_for_number_of_days_out_of_stock", false)
	w.prefer("exclude_transfers", true)
	w.shows(w.report(1, "consumption", report.Question{}), columns, "B x 0 1 19 0 200  recorded")
	// As of an earlier day.
	early := report.Question{To: w.Clock.Now().Add(-45 * 24 * time.Hour)}
	w.shows(w.report(1, "consumption", early), columns, "B x 500 1 5 500 0 0 recorded")
	_, err := w.Centre.Report(w.ctx, "consumption", report.Question{From: w.Clock.Now()})
	w.refused(err, atoll.Invalid, "preference")
}

// TestR_J_06: fresh, without transactions, managed only, not kept up, no copy.
//
// R-B-94, R-C-21, R-C-93, R-J-06, R-J-07.
func TestR_J_06_R_J_07_HowFreshEachStoreIs(t *testing.T) {
	w := f1(t)
	w.sync(2, 3)
	if err := w.Centre.Centre.Flush(w.ctx); err != nil { // as a server does every few seconds
		t.Fatal(err)
	}
	at := w.report(1, "stock", report.Question{})
	for _, f := range at.Stores {
		switch f.Code {
		case "A", "E":
			if f.Standing != report.Own || !f.Reported || !f.LastSync.Equal(at.At) {
				t.Errorf("%+v", f)
			}
		case "B", "C", "D":
			if f.Standing != report.Copy || !f.Reported || f.LastSync.IsZero() || !f.LastSync.Before(at.At) || !strings.HasPrefix(f.Words, "as of 2026-03-02") {
				t.Errorf("%+v", f)
			}
		case "F":
			if f.Standing != report.ManagedOnly || f.Reported || f.Words != "managed only, no central copy" {
				t.Errorf("%+v", f)
			}
		}
	}
	if !slices.Contains(at.Notes, "F is not in this report: managed only, no central copy") {
		t.Errorf("notes %q", at.Notes)
	}
	_, err := w.Centre.Report(w.ctx, "stock", w.of("F"))
	w.refused(err, atoll.NotHere, "managed only")
	// Site 2 has a collector copy of A, and trades with C without one.
	w.report(2, "stock", w.of("A"))
	_, err = w.At(2).Report(w.ctx, "stock", w.of("C"))
	w.refused(err, atoll.NotHere, "no copy")
	w.dispensaries("B")
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", w.Stores["B"], false, "agreed", false); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(at.Stores, func(f report.Freshness) bool { return f.Code == "B" })
	if f := w.report(1, "value", w.of("B")).Stores[0]; f.Standing != report.NoData || !strings.Contains(f.Words, "no transaction data") || f.Store != at.Stores[i].Store {
		t.Errorf("%+v", f)
	}
	if f := w.report(2, "value", w.of("B")).Stores[0]; f.Standing != report.Own {
		t.Errorf("at its own site: %+v", f)
	}
	// A copy that is not kept up any more is marked with the date and refused.
	before := w.Clock.Now()
	w.configure(central.Collect(w.Stores["A"], 2, false))
	w.sync(2)
	_, err = w.At(2).Report(w.ctx, "stock", w.of("A"))
	w.refused(err, atoll.NotHere, "not kept up since 2026-03-02")
	for _, f := range w.report(2, "stock", report.Question{}).Stores {
		if f.Code == "A" && (f.Standing != report.Stale || f.Reported || f.StaleSince.Before(before)) {
			t.Errorf("%+v", f)
		}
	}
}

// TestR_J_08: after any work with any synchronisation the centre answers as the
// site does, store by store, cell by cell.
func TestR_J_08_TheCentreAnswersAsTheSite(t *testing.T) {
	runs := 6
	if testing.Short() {
		runs = 1
	}
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	left := runs
	rapid.Check(t, func(rt *rapid.T) {
		if left--; left < 0 {
			return
		}
		w := borrow(t, rt, template)
		draw := func(what string, least, most int) int { return rapid.IntRange(least, most).Draw(rt, what) }
		items := []atoll.ID{w.item("x"), w.item("y"), w.item("z")}
		w.dispensaries("B")
		w.sync(2, 3)
		ada := w.patient("B")
		lines := map[string][]atoll.ID{}
		for i, s := range []string{"A", "B", "C", "B", "C"} {
			lines[s] = append(lines[s], w.stock(s, items[i%3], fmt.Sprintf("%d.%d", draw("packs", 20, 99), i)))
		}
		any := func(store string) atoll.ID { return lines[store][draw("line", 0, len(lines[store])-1)] }
		packs := func() string { return fmt.Sprintf("%d.25", draw("out", 0, 3)) }
		merged := false
		for range draw("steps", 10, 24) {
			switch draw("step", 0, 8) {
			case 0:
				w.ship("B", "C", any("B"), packs())
			case 1:
				w.ship("C", "B", any("C"), packs())
			case 2:
				w.ship("A", "B", any("A"), packs())
			case 3:
				w.paperOut(any("B"), packs())
			case 4:
				script := w.paper("prescription", atoll.Fields{}.Set("patient_id", ada), drawn(any("B"), packs()))
				w.do(2, documents.Finalise, "prescription", script)
			case 5:
				w.adjustOf(2, any("B"), "-"+packs())
			case 6:
				for _, at := range []atoll.SiteID{2, 3} {
					for _, doc := range w.list(at, "invoice", "status", documents.New) {
						if doc.Editable && doc.Fields.Has("originating_id") {
							w.act(at, receive, doc.ID)
						}
					}
				}
			case 7:
				w.Clock.Wind(time.Duration(draw("days", 1, 12)) * 24 * time.Hour)
				w.sync(atoll.SiteID(draw("site", 2, 3)))
			case 8:
				if !merged {
					w.merge(1, "item", items[0], items[1])
					merged = true
				}
			}
		}
		if err := w.Settle(w.ctx); err != nil {
			w.t.Fatal(err)
		}
		to := w.Clock.Now()
		seen := 0
		for store, at := range map[string]atoll.SiteID{"B": 2, "C": 3} {
			for name, q := range map[string]report.Question{
				"stock": {By: report.ByBatch}, "use": {To: to}, "consumption": {To: to}, "ledger": {}, "value": {},
			} {
				q.Stores = []atoll.ID{w.Stores[store]}
				here, there := w.report(1, name, q), w.report(at, name, q)
				seen += len(here.Rows)
				if a, b := fmt.Sprint(here.Rows), fmt.Sprint(there.Rows); a != b {
					w.t.Errorf("%s of %s: the centre says\n%s\nsite %d says\n%s", name, store, a, at, b)
				}
			}
		}
		if seen < 8 {
			w.t.Errorf("the answers have %d rows in all; that shows little", seen)
		}
	})
}
