package hunt

import (
	"encoding/json"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
)

// goodsWork is what else happens to stock and money in a store.
var goodsWork = []Work{
	{Name: "repack", Words: "stock is packed anew", Weight: 2, Apart: true, Do: repack},
	{Name: "adjust", Words: "stock is written up or down", Weight: 2, Apart: true, Do: adjust},
	{Name: "build", Words: "goods are made of other goods", Weight: 1, Apart: true, Do: build},
	{Name: "payment", Words: "money is paid or received", Weight: 2, Apart: true, Do: pay},
	{Name: "imprest", Words: "a customer's imprest sheet, stock history or order is written by hand", Weight: 1, Apart: true, Do: imprest},
}

func repack(w *World, d Dice) error {
	from, ok := w.OnShelf(d)
	if !ok {
		return ErrIdle
	}
	size, _ := Pick(d, []string{"1", "2", "5", "10", "20"})
	w.Say("%s: store %s packs stock in packs of %s", from.n.Name, from.store.Code, size)
	_, err := from.n.Repack(w.Ctx, "tester", documents.Repacking{StockLine: from.ID, Packs: strconv.Itoa(d.Between(1, 6)), PackSize: size})
	return err
}

func adjust(w *World, d Dice) error {
	from, ok := w.OnShelf(d)
	if !ok {
		return ErrIdle
	}
	by := strconv.Itoa(d.Between(-4, 4))
	if by == "0" {
		by = "1"
	}
	w.Say("%s: store %s adjusts stock by %s", from.n.Name, from.store.Code, by)
	_, err := from.n.Act(w.Ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
		return d.Adjust(from.ID, by, "as the story has it")
	})
	return err
}

func build(w *World, d Dice) error {
	from, ok := w.OnShelf(d)
	if !ok {
		return ErrIdle
	}
	made, ok := w.brought(from.n, d)
	if !ok {
		return ErrIdle
	}
	w.Say("%s: store %s makes goods of others", from.n.Name, from.store.Code)
	return w.Draft(from.n, "invoice", atoll.Fields{}.Set("store_id", from.store.ID).Set("kind", documents.Build),
		[]atoll.Fields{w.drawn(d, from.Record).Set("kind", documents.StockOut), made.Set("kind", documents.StockIn)}, documents.Finalise)
}

func pay(w *World, d Dice) error {
	n, store, ok := w.OwnStore(d)
	if !ok {
		return ErrIdle
	}
	kind, _ := Pick(d, []string{"payment", "receipt"})
	f := atoll.Fields{}.Set("store_id", store.ID).Set("kind", kind).Set("amount", json.Number(strconv.Itoa(d.Between(1, 900))+".50"))
	if invoice, ok := Pick(d, w.List(n, "invoice", "store_id", string(store.ID))); ok && d.Chance(60) {
		f.Set("invoice_id", invoice.ID)
	}
	var acts []documents.Action
	if d.Chance(80) {
		acts = append(acts, documents.Finalise)
	}
	w.Say("%s: store %s notes a %s", n.Name, store.Code, kind)
	return w.Draft(n, "payment", f, nil, acts...)
}

func imprest(w *World, d Dice) error {
	n, store, ok := w.OwnStore(d)
	if !ok {
		return ErrIdle
	}
	kind, _ := Pick(d, []string{"imprest", "stock_history", documents.Response})
	f := atoll.Fields{}.Set("store_id", store.ID).Set("kind", kind)
	if of, ok := Pick(d, w.Partners(n, store.ID)); ok && d.Chance(50) {
		f.Set("name_id", storeName(of))
	} else if name, ok := Pick(d, w.List(n, "name")); ok {
		f.Set("name_id", name.ID)
	}
	var lines []atoll.Fields
	for _, item := range Some(d, d.Between(1, 3), w.List(n, "item")) {
		lines = append(lines, atoll.Fields{}.Set("item_id", item.ID).Set("requested_quantity", units(d)))
	}
	var acts []documents.Action
	if d.Chance(50) {
		acts = append(acts, documents.Finalise)
	}
	w.Say("%s: store %s writes a %s by hand", n.Name, store.Code, kind)
	return w.Draft(n, "requisition", f, lines, acts...)
}
