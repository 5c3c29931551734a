package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// keeps has the transactions of B stay at its site, or go up again.
func (w *world) keeps(stay bool) {
	w.t.Helper()
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", w.Stores["B"], !stay, "agreed", false); err != nil {
		w.t.Fatal(err)
	}
}

// A dispensary's transactions stay at its site, whose database is lost. The site gets
// the transfers back, and the stock lines as they were before them: they follow the
// transfers when it is ready, so that no goods are there twice and none are gone.
//
// R-B-92, R-C-94, R-H-27, R-J-09.
func TestR_B_92_R_H_27_StockFollowsItsTransfers(t *testing.T) {
	for _, c := range []struct {
		name        string
		before      func(w *world, stock atoll.ID)
		work        func(w *world, stock atoll.ID) (line atoll.ID)
		total, free string
		unsaid      bool // what came in stands in no journal that is left
	}{
		{"goods that were sent are not there again", nil, func(w *world, stock atoll.ID) atoll.ID {
			w.ship("B", "C", stock, "5")
			return stock
		}, "45", "45", false},
		{"goods that came are there", nil, func(w *world, _ atoll.ID) atoll.ID {
			far := w.stock("A", w.item("y"), "50")
			sent := w.ship("A", "B", far, "7")
			w.sync(2)
			half := w.answer(2, "invoice", sent).ID
			w.act(2, receive, half)
			return w.list(2, "invoice_line", "invoice_id", string(half))[0].Fields.ID("stock_line_id")
		}, "7", "7", false},
		{"goods that were counted in and sent on were there", nil, func(w *world, stock atoll.ID) atoll.ID {
			w.adjustOf(2, stock, "20")
			w.ship("B", "C", stock, "60")
			return stock
		}, "0", "0", true},
		{"what is set aside stays so", func(w *world, stock atoll.ID) {
			w.do(2, documents.Suggest, "invoice", w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "6")))
		}, func(w *world, stock atoll.ID) atoll.ID {
			w.adjustOf(2, stock, "3")
			w.ship("B", "C", stock, "47")
			return stock
		}, "6", "0", true},
		{"what stayed is lost", nil, func(w *world, stock atoll.ID) atoll.ID {
			w.adjustOf(2, stock, "-3")
			return stock
		}, "50", "50", false},
		{"also when they are included again before it is", nil, func(w *world, stock atoll.ID) atoll.ID {
			w.ship("B", "C", stock, "5")
			w.sync(2)
			w.keeps(false)
			return stock
		}, "45", "45", false},
		{"also at a site with a limit by months", nil, func(w *world, stock atoll.ID) atoll.ID {
			sent := w.ship("B", "C", stock, "5")
			w.sync(2, 3, 2)
			w.act(3, receive, w.answer(3, "invoice", sent).ID)
			w.sync(3, 2)
			w.Clock.Wind(13 * 31 * 24 * time.Hour)
			if err := w.Centre.Centre.LimitHistory(w.ctx, "administrator", 2, 12); err != nil {
				t.Fatal(err)
			}
			w.ship("B", "C", stock, "4")
			return stock
		}, "41", "41", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, stock := bc(t)
			w.dispensaries("B")
			w.sync(2, 3)
			if c.before != nil {
				c.before(w, stock)
			}
			w.sync(2, 3)
			w.keeps(true)
			w.sync(2)
			line := c.work(w, stock)
			w.sync(2, 3, 2, 2)
			w.replace(2)
			w.sync(2)
			w.holds(2, line, c.total, c.free)
			w.keeps(false) // both ends are the same when all of it goes up again
			if err := w.Settle(w.ctx); err != nil {
				t.Fatal(err)
			}
			for _, breach := range w.Check(w.ctx) {
				if !c.unsaid || !strings.HasPrefix(breach, "batch ") {
					t.Error(breach)
				}
			}
			w.holds(2, line, c.total, c.free)
			w.holds(1, line, c.total, c.free)
		})
	}
}

// A site that was spared old documents knows less than moved its stock. The ledger check
// there works out what there was before, and calls no right line wrong; and goods can be
// taken back of which old documents brought enough.
//
// R-J-09, R-H-26.
func TestR_J_09_R_H_26_LedgerCheckWithALimit(t *testing.T) {
	w := newPast(t)
	w.sync(2)
	w.sync(2)
	res, err := w.At(2).CheckStock(w.ctx, w.Stores["B"])
	if err != nil || len(res.Differences) > 0 || res.Lines != 2 || res.Spared == "" {
		t.Errorf("the ledger check at the site: %+v, %v", res, err)
	}
	res, err = w.Centre.CheckStock(w.ctx, w.Stores["B"])
	if err != nil || len(res.Differences) > 0 || res.Lines != 2 || res.Spared != "" {
		t.Errorf("the ledger check at the centre: %+v, %v", res, err)
	}
	// What is set aside is known in full.
	key := atoll.Key{Type: "stock_line", ID: w.line}
	free := w.want(2, key.Type, key.ID).Fields.Number("available_number_of_packs")
	if _, err := w.At(2).Edit(w.ctx, journal.Edit{Actor: "test", Cause: atoll.Cause{Kind: "import"}, Do: []journal.Proposal{
		change(key.Type, key.ID, atoll.Fields{}.Set("available_number_of_packs", number(documents.Sub(free, "1")))),
	}}); err != nil {
		t.Fatal(err)
	}
	res, err = w.At(2).CheckStock(w.ctx, w.Stores["B"])
	if err != nil || len(res.Differences) != 1 || !slices.ContainsFunc(res.Differences, documents.Discrepancy.Wrong) {
		t.Errorf("one pack too many is set aside: %+v, %v", res, err)
	}
}

// What stayed at its site and was stated is before the centre like anything else. When it
// is refused, and a person says that the truth stands, it goes from the site: with all its
// lines, whichever of them changed while it stayed.
//
// R-B-92, R-F-09, R-K-42, R-H-44.
func TestR_B_92_R_F_09_StatedAndSentBack(t *testing.T) {
	for _, made := range []string{"before it stayed", "while it stayed"} {
		t.Run(made, func(t *testing.T) {
			w, stock := bc(t)
			w.dispensaries("B")
			w.sync(2, 3)
			ada := w.patient("B")
			write := func() atoll.ID {
				return w.paper("prescription", atoll.Fields{}.Set("patient_id", ada), drawn(stock, "6"))
			}
			w.refusing("prescription", func() {
				var id atoll.ID
				if made == "before it stayed" {
					id = write()
				}
				w.sync(2)
				w.keeps(true)
				w.sync(2)
				if id == "" {
					id = write()
				}
				line := w.one(2, "prescription_line", "prescription_id", string(id))
				w.update(2, "prescription_line", line.ID, atoll.Fields{}.Set("number_of_packs", number("4")))
				w.keeps(false)
				w.sync(2, 2)
				w.giveTruth(2)
			})
			for _, kind := range []atoll.Type{"prescription", "prescription_line"} {
				if left := w.list(2, kind); len(left) > 0 {
					t.Errorf("the site still has %s/%s, which was sent back", kind, left[0].ID)
				}
			}
			w.peace()
		})
	}
}

// A document that moved stock is refused, and sent back after its store's stock went on
// without the centre, and was stated. The stock does not go back with the document: it is
// what the others say once nothing of the site is in quarantine any longer.
//
// R-D-27, R-J-09, R-B-92, R-K-42.
func TestR_J_09_R_K_42_StockOfWhatWasSentBack(t *testing.T) {
	for _, stated := range []bool{true, false} {
		w, stock := bc(t)
		w.dispensaries("B")
		w.sync(2, 3)
		w.refusing("prescription", func() {
			id := w.paper("prescription", atoll.Fields{}.Set("patient_id", w.patient("B")), drawn(stock, "6"))
			w.do(2, documents.Finalise, "prescription", id)
			w.sync(2)
			w.keeps(true)
			w.sync(2)
			w.adjustOf(2, stock, "-3")
			if stated {
				w.keeps(false)
				w.sync(2, 2)
			}
			w.holds(2, stock, "41", "41")
			w.giveTruth(2)
		})
		w.holds(2, stock, "47", "47")
		if !stated {
			w.keeps(false)
		}
		w.peace()
		w.holds(1, stock, "47", "47")
		for _, at := range []atoll.SiteID{1, 2} {
			res, err := w.At(at).CheckStock(w.ctx, w.Stores["B"])
			if err != nil || len(res.Differences) > 0 || res.Lines != 1 {
				t.Errorf("the ledger check at site %d: %+v, %v", at, res, err)
			}
		}
	}
}

// What stayed at its site is judged by the centre for the first time when it is stated. One
// that cannot stand takes no other with it, whatever is decided about it.
//
// R-B-93, R-A-17, R-F-09.
func TestR_B_93_R_A_17_OneThatCannotStand(t *testing.T) {
	w, stock := bc(t)
	w.dispensaries("B")
	item := w.item("z")
	w.sync(2, 3)
	w.keeps(true)
	w.sync(2)
	w.adjustOf(2, stock, "-3")
	other := w.stock("B", item, "20")
	judge := w.Centre.Centre.Door.Judge
	rules := judge.Rules
	judge.Rules = append(slices.Clone(rules), func(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
		if c.Here || c.Op.ID != other {
			return nil
		}
		return atoll.Errorf(atoll.Rule, "not this one")
	})
	w.keeps(false)
	w.sync(2, 2)
	w.holds(1, stock, "47", "47")
	w.giveTruth(2)
	judge.Rules = rules
	w.holds(2, stock, "47", "47")
	if left := w.get(2, "stock_line", other); left != nil {
		t.Errorf("the site still has the stock that was sent back: %s", left.Body)
	}
	w.peace()
}
