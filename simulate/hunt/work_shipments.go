package hunt

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// shipmentWork is goods that go from store to store.
var shipmentWork = []Work{
	{Name: "shipment", Words: "a store sends goods to another", Weight: 10, Do: shipment},
	{Name: "receipt", Words: "a store receives goods that were sent to it", Weight: 8, Do: receipt},
	{Name: "return", Words: "a store sends goods back", Weight: 2, Do: giveBack},
}

func shipment(w *World, d Dice) error { return w.ship(d, documents.CustomerInvoice, "sends") }

func giveBack(w *World, d Dice) error { return w.ship(d, documents.SupplierCredit, "gives back") }

func (w *World) ship(d Dice, kind, verb string) error {
	n, store, ok := w.OwnStore(d)
	if !ok {
		return ErrIdle
	}
	to, ok := Pick(d, w.Partners(n, store.ID))
	if !ok {
		return ErrIdle
	}
	var lines []atoll.Fields
	for _, from := range Some(d, d.Between(1, 3), w.Shelf(n, store.ID)) {
		lines = append(lines, w.drawn(d, from))
	}
	if len(lines) == 0 {
		return ErrIdle
	}
	name := to.NameID
	if name == "" {
		name = topology.StoreNameID(to.ID)
	}
	var acts []documents.Action
	if d.Chance(90) {
		acts = append(acts, documents.Finalise)
	}
	w.Say("%s: store %s %s %d lines to store %s", n.Name, store.Code, verb, len(lines), to.Code)
	return w.Draft(n, "invoice", atoll.Fields{}.Set("store_id", store.ID).Set("kind", kind).Set("name_id", name), lines, acts...)
}

// receipt receives what arrived: as it was sent, or counted otherwise.
func receipt(w *World, d Dice) error {
	type arrived struct {
		n   *Node
		doc station.Record
	}
	var all []arrived
	for _, n := range w.Workers() {
		for _, s := range w.ActiveStores(n) {
			for _, doc := range w.List(n, "invoice", "store_id", string(s.ID)) {
				if doc.Fields.Has("originating_id") && slices.Contains([]string{documents.New, documents.Suggested}, doc.Fields.Text("status")) {
					all = append(all, arrived{n, doc})
				}
			}
		}
	}
	a, ok := Pick(d, all)
	if !ok {
		return ErrIdle
	}
	w.Say("%s receives %s", a.n.Name, w.Name("shipment", a.doc.ID))
	_, err := a.n.Do(w.Ctx, "tester", documents.Receive, a.doc.Key, 0)
	return err
}
