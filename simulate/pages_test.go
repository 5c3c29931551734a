package simulate

import (
	"context"
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// paged notes how many staged items a site is given at once, at most.
type paged struct {
	storage.Store
	most, all int
}

func (p *paged) Update(ctx context.Context, fn func(storage.Tx) error) error {
	return p.Store.Update(ctx, func(tx storage.Tx) error { return fn(pagedTx{tx, p}) })
}

type pagedTx struct {
	storage.Tx
	noted *paged
}

func (t pagedTx) Staged(lane string, of atoll.Type, after storage.StagedPlace, limit int) ([]storage.StagedItem, error) {
	items, err := t.Tx.Staged(lane, of, after, limit)
	t.noted.most = max(t.noted.most, len(items))
	t.noted.all += len(items)
	return items, err
}

// TestR_A_10_R_C_12_BackfillByPages: a site that gains a store takes it all at once,
// and never holds all that came of it.
func TestR_A_10_R_C_12_BackfillByPages(t *testing.T) {
	const many = 1500
	w := f1(t)
	w.sync(2, 3)
	for n := range many / 500 {
		var do []journal.Proposal
		for i := range 500 {
			code := fmt.Sprint(n, "-", i)
			do = append(do, journal.Proposal{
				Key: atoll.Key{Type: "location", ID: atoll.DeriveID(code)}, Verb: atoll.Insert,
				Fields: atoll.Fields{}.Set("store_id", w.Stores["D"]).Set("code", code).Set("name", code),
			})
		}
		if err := w.At(3).Insert(w.ctx, do...); err != nil {
			t.Fatal(err)
		}
	}
	w.sync(3, 2)
	p := &paged{Store: w.At(2).Store}
	w.At(2).Site.Store = p
	w.configure(central.MakeVisible(w.Stores["D"], w.Stores["B"], true))
	w.configure(central.Collect(w.Stores["D"], 2, true))
	w.sync(2)
	have := map[atoll.Type]int{}
	err := w.At(2).Store.View(w.ctx, func(r storage.Reader) (err error) { have, err = r.CountRecords(); return err })
	if err != nil {
		t.Fatal(err)
	}
	if have["location"] < many || p.all < many {
		t.Errorf("%d locations are here, %d records were staged; want %d", have["location"], p.all, many)
	}
	if p.most > many/5 {
		t.Errorf("%d staged records were held at once", p.most)
	}
	w.peace()
}
