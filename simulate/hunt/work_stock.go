package hunt

import (
	"encoding/json"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// stockWork is goods that come in from outside, are counted, and go out again.
var stockWork = []Work{
	{Name: "purchase", Words: "goods come in from outside", Weight: 4, Do: purchase},
	{Name: "issue", Words: "goods go out to nobody of the system", Weight: 3, Do: issue},
	{Name: "stocktake", Words: "stock is counted", Weight: 2, Do: stocktake},
}

// Shelf is the stock of a store that can be given out.
func (w *World) Shelf(n *Node, store atoll.ID) []station.Record {
	var out []station.Record
	for _, r := range w.List(n, "stock_line", "store_id", string(store)) {
		if available := r.Fields.Number("available_number_of_packs"); available != "" && documents.Sign(available) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// OwnStore is a store that is active at a node where people can work, as it knows.
func (w *World) OwnStore(d Dice) (*Node, topology.Store, bool) {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return nil, topology.Store{}, false
	}
	s, ok := Pick(d, w.ActiveStores(n))
	return n, s, ok
}

// OnShelf is stock that can be given out, in such a store.
func (w *World) OnShelf(d Dice) (here, bool) {
	n, store, ok := w.OwnStore(d)
	if !ok {
		return here{}, false
	}
	line, ok := Pick(d, w.Shelf(n, store.ID))
	return here{n, store, line}, ok
}

// Draft makes a document with its lines, and does acts on it one after the other,
// each in a transaction of its own.
func (w *World) Draft(n *Node, kind atoll.Type, header atoll.Fields, lines []atoll.Fields, acts ...documents.Action) error {
	want := documents.Draft{Fields: header}
	for _, l := range lines {
		want.Lines = append(want.Lines, documents.DraftLine{Fields: l})
	}
	key := atoll.Key{Type: kind, ID: w.NewID(n)}
	if _, err := n.MakeDocument(w.Ctx, "tester", key, want); err != nil {
		return err
	}
	for _, act := range acts {
		if _, err := n.Do(w.Ctx, "tester", act, key, 0); err != nil {
			return err
		}
	}
	return nil
}

// drawn is a line of goods that go out.
func (w *World) drawn(d Dice, from station.Record) atoll.Fields {
	packs := strconv.Itoa(d.Between(1, 9))
	if there := from.Fields.Number("available_number_of_packs"); documents.Compare(packs, there) > 0 && !d.Chance(10) {
		packs = there
	}
	return atoll.Fields{}.Set("stock_line_id", from.ID).Set("number_of_packs", json.Number(packs))
}

func (w *World) brought(n *Node, d Dice) (atoll.Fields, bool) {
	item, ok := Pick(d, w.List(n, "item"))
	if !ok {
		return nil, false
	}
	return atoll.Fields{}.Set("item_id", item.ID).Set("batch", "N-"+strconv.Itoa(d.IntN(4))).Set("expiry_date", "2029-01-31").
		Set("pack_size", json.Number(strconv.Itoa(1+9*d.IntN(2)))).Set("number_of_packs", json.Number(strconv.Itoa(d.Between(5, 80)))).
		Set("cost_price_per_pack", json.Number("1.50")), true
}

func purchase(w *World, d Dice) error {
	n, store, ok := w.OwnStore(d)
	if !ok {
		return ErrIdle
	}
	var lines []atoll.Fields
	for range d.Between(1, 3) {
		if l, ok := w.brought(n, d); ok {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return ErrIdle
	}
	w.Say("%s: store %s gets %d lines of goods from outside", n.Name, store.Code, len(lines))
	return w.Draft(n, "invoice", atoll.Fields{}.Set("store_id", store.ID).Set("kind", documents.SupplierInvoice), lines, documents.Finalise)
}

func issue(w *World, d Dice) error {
	from, ok := w.OnShelf(d)
	if !ok {
		return ErrIdle
	}
	w.Say("%s: store %s writes goods off", from.n.Name, from.store.Code)
	return w.Draft(from.n, "invoice", atoll.Fields{}.Set("store_id", from.store.ID).Set("kind", documents.InventoryReduction),
		[]atoll.Fields{w.drawn(d, from.Record)}, documents.Finalise)
}

func stocktake(w *World, d Dice) error {
	n, store, ok := w.OwnStore(d)
	if !ok {
		return ErrIdle
	}
	var lines []atoll.Fields
	for _, r := range Some(d, 4, w.Shelf(n, store.ID)) {
		counted := r.Fields.Number("total_number_of_packs")
		if d.Chance(50) {
			counted = documents.Add(counted, strconv.Itoa(d.Between(-2, 3)))
		}
		if documents.Sign(counted) < 0 {
			counted = "0"
		}
		lines = append(lines, atoll.Fields{}.Set("stock_line_id", r.ID).Set("counted_number_of_packs", json.Number(counted)))
	}
	if len(lines) == 0 {
		return ErrIdle
	}
	w.Say("%s: store %s counts %d lines of stock", n.Name, store.Code, len(lines))
	return w.Draft(n, "stocktake", atoll.Fields{}.Set("store_id", store.ID), lines, documents.Finalise)
}
