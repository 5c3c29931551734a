package simulate

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
)

// TestR_J_09_AnyWork: whatever people do with documents, in whatever order, the
// ledger has no difference after any step: what is there is the opening and what
// moved, what is set aside is what suggested documents hold, nothing was ever below
// nothing. R-D-27.
func TestR_J_09_AnyWork(t *testing.T) {
	if testing.Short() {
		t.Skip("many fleets")
	}
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		item := w.item("x")
		w.sync(2)
		w.stock("B", item, "50")
		w.stock("B", item, "20")
		var papers []atoll.Key
		kinds := []string{
			documents.CustomerInvoice, documents.SupplierInvoice, documents.SupplierCredit, documents.CustomerCredit,
			documents.InventoryAddition, documents.InventoryReduction, documents.Build,
		}
		acts := []documents.Action{
			documents.Suggest, documents.Arrive, documents.Confirm, documents.Finalise, documents.Receive, documents.Cancel, documents.Delete,
		}
		packs := func() string {
			return strconv.Itoa(rapid.IntRange(0, 60).Draw(rt, "packs")) + "." + strconv.Itoa(rapid.IntRange(0, 9).Draw(rt, "tenths"))
		}
		stock := func() atoll.ID {
			lines := w.list(2, "stock_line", "store_id", string(w.Stores["B"]))
			return lines[rapid.IntRange(0, len(lines)-1).Draw(rt, "stock line")].ID
		}
		line := func(kind string) atoll.Fields {
			in := kind == documents.SupplierInvoice || kind == documents.CustomerCredit || kind == documents.InventoryAddition
			if kind == documents.Build {
				in = rapid.Bool().Draw(rt, "in")
			}
			var f atoll.Fields
			if in {
				f = brought(item, packs())
			} else {
				f = drawn(stock(), packs())
			}
			if kind == documents.Build {
				f.Set("kind", map[bool]string{true: documents.StockIn, false: documents.StockOut}[in])
			}
			return f
		}
		done := 0
		tried := func(err error) {
			if err == nil {
				done++
				return
			}
			switch code := atoll.CodeOf(err); code {
			case atoll.LifeCycle, atoll.Rule, atoll.NotFound, atoll.BaseVersion:
			default:
				rt.Fatalf("%s: %v", code, err)
			}
		}
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			w.Clock.Wind(time.Minute)
			what := rapid.IntRange(0, 9).Draw(rt, "what")
			if len(papers) == 0 {
				what = 0
			}
			var key atoll.Key
			if what > 1 && len(papers) > 0 {
				key = papers[rapid.IntRange(0, len(papers)-1).Draw(rt, "document")]
			}
			switch what {
			case 0, 1:
				kind := rapid.SampledFrom(kinds).Draw(rt, "kind")
				id, err := w.tryPaper("invoice", kindOf(kind), line(kind), line(kind))
				if tried(err); err == nil {
					papers = append(papers, atoll.Key{Type: "invoice", ID: id})
				}
			case 2, 3, 4, 5:
				tried(w.tryDo(2, rapid.SampledFrom(acts).Draw(rt, "act"), key.Type, key.ID))
			case 6:
				if d := w.get(2, key.Type, key.ID); d != nil {
					tried(w.amend(2, key.Type, key.ID, documents.DraftLine{Fields: line(d.Fields.Text("kind"))}))
				}
			case 7:
				lines := w.list(2, "invoice_line", "invoice_id", string(key.ID))
				if len(lines) == 0 {
					continue
				}
				l := documents.DraftLine{ID: lines[0].ID, Remove: rapid.Bool().Draw(rt, "remove")}
				if !l.Remove {
					l.Fields = atoll.Fields{}.Set("number_of_packs", number(packs()))
				}
				tried(w.amend(2, key.Type, key.ID, l))
			case 8:
				_, err := w.At(2).Repack(w.ctx, "tester", documents.Repacking{
					StockLine: stock(), Packs: packs(), PackSize: rapid.SampledFrom([]string{"1", "5", "10", "20"}).Draw(rt, "size"),
				})
				if atoll.CodeOf(err) != atoll.Invalid { // no packs at all
					tried(err)
				}
			case 9:
				_, err := w.At(2).Act(w.ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
					return d.Adjust(stock(), "-"+packs(), "gone")
				})
				tried(err)
			}
			w.balanced(2)
		}
		w.sync(2)
		w.balanced(1)
		if refused := len(w.list(1, "invoice")); refused != len(w.list(2, "invoice")) {
			rt.Errorf("the centre has %d documents, the site %d", refused, len(w.list(2, "invoice")))
		}
	})
}
