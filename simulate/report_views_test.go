package simulate

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/storage"
)

// sql asks the views of a site.
func (w *world) sql(at atoll.SiteID, query string) (out []string) {
	w.t.Helper()
	if *engine != "sqlite" {
		w.t.Skip("views are made of SQL")
	}
	db := w.At(at).Store.(interface {
		DefineViews(context.Context, []storage.View) error
		Ask(context.Context, string, time.Duration, func([]string) error, func([]*string) error) error
	})
	if err := db.DefineViews(w.ctx, report.Views(w.Catalogue)); err != nil {
		w.t.Fatal(err)
	}
	err := db.Ask(w.ctx, query, time.Minute, func([]string) error { return nil }, func(row []*string) error {
		var cells []string
		for _, v := range row {
			if v == nil {
				v = new(string)
			}
			cells = append(cells, *v)
		}
		out = append(out, strings.Join(cells, " "))
		return nil
	})
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return out
}

// TestR_J_13: the views made for people say what the reports say, merges included;
// every view of the catalogue can be read.
func TestR_J_13_R_E_21_ViewsAgreeWithReports(t *testing.T) {
	w, stock := bc(t)
	x, y, z := w.want(2, "stock_line", stock).Fields.ID("item_id"), w.item("y"), w.item("z")
	w.dispensaries("B")
	w.sync(2, 3)
	w.stock("B", y, "3")
	w.stock("C", z, "4")
	w.paperOut(stock, "4.5")
	w.adjustOf(2, stock, "-2")
	script := w.paper("prescription", atoll.Fields{}.Set("patient_id", w.patient("B")), drawn(stock, "1"))
	w.do(2, "finalise", "prescription", script)
	first, second := w.ship("B", "C", stock, "5"), w.ship("B", "C", stock, "6")
	w.sync(2, 3)
	w.act(3, receive, w.answer(3, "invoice", first).ID)
	w.sync(3)
	w.merge(1, "item", x, y)
	w.merge(1, "item", y, z)
	want := rows(w.report(1, "stock", report.Question{}), "store item units")
	if got := w.sql(1, `SELECT store_code, item_code, sum(units) FROM report_stock_on_hand GROUP BY 1, 2 ORDER BY 1, 2`); !slices.Equal(got, want) || len(got) != 2 {
		t.Errorf("stock: %q; want %q", got, want)
	}
	use := w.report(1, "use", report.Question{})
	w.shows(use, "month store item customers patients transfers adjusted_down", "2026-03 B z 45 10 110 20")
	if got := w.sql(1, `SELECT month, store_code, item_code, kind, units FROM report_consumption ORDER BY kind`); !slices.Equal(got, []string{
		"2026-03 B z adjustments 20", "2026-03 B z customers 45", "2026-03 B z patients 10", "2026-03 B z transfers 110",
	}) {
		t.Errorf("consumption: %q", got)
	}
	if got := w.sql(1, `SELECT id, from_code, to_code, answer_status FROM report_transfers ORDER BY answer_status`); !slices.Equal(got, []string{
		string(first) + " B C finalised", string(second) + " B C new",
	}) {
		t.Errorf("transfers: %q", got)
	}
	for _, v := range report.Views(w.Catalogue) {
		var names []string
		for _, c := range report.ViewColumns(v) {
			names = append(names, `"`+c.Name+`"`)
		}
		w.sql(1, `SELECT `+strings.Join(names, ", ")+` FROM "report_`+v.Name+`" LIMIT 1`)
	}
}
