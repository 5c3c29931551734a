package hunt

import (
	"encoding/json"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// orderWork is what stores ask of each other, and what becomes of it.
var orderWork = []Work{
	{Name: "request", Words: "a store asks another for goods", Weight: 5, Apart: true, Do: request},
	{Name: "purchase order", Words: "a store orders goods of another, or of a supplier outside", Weight: 4, Apart: true, Do: purchaseOrder},
	{Name: "supply", Words: "a shipment is made for what was asked or ordered", Weight: 6, Apart: true, Do: supply},
	{Name: "decide request", Words: "a request that waits for approval is authorised or denied, where it is worked in or at the centre", Weight: 3, Apart: true, Do: decideRequest},
	{Name: "need approval", Words: "a store wants requests to be authorised, or no longer; a programme is made", Weight: 1, Apart: true, Do: needApproval},
	{Name: "ask back", Words: "a store asks for goods back that are on their way", Weight: 2, Apart: true, Do: askBack},
	{Name: "act", Words: "any act on any document, most often one that it allows", Weight: 10, Apart: true, Do: actOn},
	{Name: "change document", Words: "a document and its lines are changed", Weight: 4, Apart: true, Do: changeDocument},
}

// storeName is the name by which another store is addressed.
func storeName(s topology.Store) atoll.ID {
	if s.NameID != "" {
		return s.NameID
	}
	return topology.StoreNameID(s.ID)
}

func units(d Dice) json.Number { return json.Number(strconv.Itoa(d.Between(1, 90))) }

func request(w *World, d Dice) error {
	n, store, ok := w.OwnStore(d)
	if !ok {
		return ErrIdle
	}
	of, ok := Pick(d, w.Partners(n, store.ID))
	if !ok {
		return ErrIdle
	}
	f := atoll.Fields{}.Set("store_id", store.ID).Set("kind", documents.Request).Set("name_id", storeName(of))
	if program, ok := Pick(d, w.List(n, "program")); ok && d.Chance(50) {
		f.Set("program_id", program.ID)
	}
	var lines []atoll.Fields
	for _, item := range Some(d, d.Between(1, 3), w.List(n, "item")) {
		lines = append(lines, atoll.Fields{}.Set("item_id", item.ID).Set("requested_quantity", units(d)))
	}
	var acts []documents.Action
	if d.Chance(90) {
		acts = append(acts, documents.Finalise)
	}
	w.Say("%s: store %s asks store %s for %d items", n.Name, store.Code, of.Code, len(lines))
	return w.Draft(n, "requisition", f, lines, acts...)
}

func purchaseOrder(w *World, d Dice) error {
	n, store, ok := w.OwnStore(d)
	if !ok {
		return ErrIdle
	}
	if d.Chance(15) { // as with centralised procurement: for any store
		store, _ = Pick(d, w.Topology(n).Stores())
	}
	f := atoll.Fields{}.Set("store_id", store.ID)
	of, ok := Pick(d, w.Partners(n, store.ID))
	switch supplier, outside := Pick(d, w.List(n, "name")); {
	case ok && d.Chance(80):
		f.Set("name_id", storeName(of))
	case outside:
		f.Set("name_id", supplier.ID)
	}
	var lines []atoll.Fields
	for _, item := range Some(d, d.Between(1, 3), w.List(n, "item")) {
		lines = append(lines, atoll.Fields{}.Set("item_id", item.ID).Set("requested_quantity", units(d)).Set("requested_pack_size", json.Number("10")))
	}
	var acts []documents.Action
	if d.Chance(90) {
		acts = append(acts, documents.Confirm)
	}
	w.Say("%s: store %s orders %d items of store %s", n.Name, store.Code, len(lines), of.Code)
	return w.Draft(n, "purchase_order", f, lines, acts...)
}

// own are the documents of a type in the stores that are active where people can work.
func (w *World) own(kind atoll.Type, where ...string) (out []here) {
	for _, n := range w.Workers() {
		for _, s := range w.ActiveStores(n) {
			for _, r := range w.List(n, kind, append([]string{"store_id", string(s.ID)}, where...)...) {
				out = append(out, here{n, s, r})
			}
		}
	}
	return out
}

// here is a record at a node, in a store of it.
type here struct {
	n     *Node
	store topology.Store
	station.Record
}

func supply(w *World, d Dice) error {
	r, ok := Pick(d, w.own("requisition", "kind", documents.Response))
	if !ok {
		return ErrIdle
	}
	if d.Chance(40) { // by hand, more or less than was asked
		to, there := Pick(d, w.Partners(r.n, r.store.ID))
		for _, s := range w.Partners(r.n, r.store.ID) {
			if storeName(s) == r.Fields.ID("name_id") {
				to = s
			}
		}
		var lines []atoll.Fields
		for _, from := range Some(d, d.Between(1, 3), w.Shelf(r.n, r.store.ID)) {
			lines = append(lines, w.drawn(d, from))
		}
		if len(lines) == 0 || !there {
			return ErrIdle
		}
		w.Say("%s: store %s sends %d lines for %s", r.n.Name, r.store.Code, len(lines), w.Name("response", r.ID))
		return w.Draft(r.n, "invoice", atoll.Fields{}.Set("store_id", r.store.ID).Set("kind", documents.CustomerInvoice).
			Set("name_id", storeName(to)).Set("requisition_id", r.ID), lines, documents.Finalise)
	}
	for _, l := range w.List(r.n, "requisition_line", "requisition_id", string(r.ID)) {
		w.Say("%s is to be supplied", w.Name("line", l.ID))
		key := atoll.Key{Type: "requisition", ID: r.ID}
		_, err := r.n.ChangeDocument(w.Ctx, "tester", key, 0, documents.Draft{Lines: []documents.DraftLine{
			{ID: l.ID, Fields: atoll.Fields{}.Set("supplied_quantity", units(d))},
		}})
		if err != nil {
			return err
		}
	}
	w.Say("%s: store %s makes a shipment for %s", r.n.Name, r.store.Code, w.Name("response", r.ID))
	id, err := r.n.PrepareShipment(w.Ctx, "tester", r.ID)
	if err != nil || d.Chance(10) {
		return err
	}
	_, err = r.n.Do(w.Ctx, "tester", documents.Finalise, atoll.Key{Type: "invoice", ID: id}, 0)
	return err
}

func decideRequest(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if d.Chance(40) {
		n, ok = w.Centre, w.Works(w.Centre)
	}
	if !ok {
		return ErrIdle
	}
	all := w.List(n, "requisition", "approval_status", "pending")
	if len(all) == 0 && d.Chance(10) {
		all = w.List(n, "requisition")
	}
	r, ok := Pick(d, all)
	if !ok {
		return ErrIdle
	}
	yes := d.Chance(70)
	quantities := map[atoll.ID]string{}
	for _, l := range w.List(n, "requisition_line", "requisition_id", string(r.ID)) {
		if d.Chance(50) {
			quantities[l.ID] = units(d).String()
		}
	}
	w.Say("%s decides about %s: %t", n.Name, w.Name("response", r.ID), yes)
	return n.Decide(w.Ctx, "the authoriser", r.ID, yes, "as the story has it", quantities)
}

func needApproval(w *World, d Dice) error {
	if !w.Works(w.Centre) {
		return ErrIdle
	}
	some := Some(d, 4, w.Topology(w.Centre).Stores())
	if len(some) == 0 {
		return ErrIdle
	}
	if p := w.At(w.Topology(w.Centre).Primary()); p != nil && w.Works(p) && (d.Chance(40) || len(w.List(p, "program")) == 0) {
		def, _ := p.Catalogue.Lookup("program")
		if program, ok := w.fresh(p, d, def); ok {
			w.Say("%s makes %s", p.Name, w.Name("program", program.Key.ID))
			if err := w.Edit(p, program); err != nil {
				return err
			}
		}
	}
	for _, s := range some {
		value := strconv.FormatBool(d.Chance(80))
		w.Say("store %s wants requests to be authorised: %s", s.Code, value)
		if _, err := w.Centre.SetPreference(w.Ctx, "tester", "requisitions_require_authorisation", json.RawMessage(value), s.ID); err != nil {
			return err
		}
	}
	return nil
}

func askBack(w *World, d Dice) error {
	var sent []here
	for _, r := range w.own("invoice", "status", documents.Finalised) {
		if r.Fields.Has("partner_store_id") && !r.Fields.Has("originating_id") && (r.Fields.Text("linked_status") != documents.Finalised || d.Chance(5)) {
			sent = append(sent, r)
		}
	}
	r, ok := Pick(d, sent)
	if !ok {
		return ErrIdle
	}
	w.Say("%s: store %s asks %s back", r.n.Name, r.store.Code, w.Name("shipment", r.ID))
	return r.n.AskCancel(w.Ctx, "tester", r.ID)
}

// papers are the types of documents with a life of their own.
var papers = []atoll.Type{"invoice", "invoice", "requisition", "purchase_order", "goods_received", "goods_received", "prescription", "stocktake", "payment"}

// paper is a document that somebody may have in hand: most often one of his own.
func (w *World) paper(d Dice) (here, bool) {
	for range 4 {
		kind, _ := Pick(d, papers)
		if d.Chance(10) { // at a site that may not
			if n, ok := Pick(d, w.Workers()); ok {
				if r, ok := Pick(d, w.List(n, kind)); ok {
					return here{n: n, Record: r}, true
				}
			}
			continue
		}
		var open []here
		for _, r := range w.own(kind) {
			if documents.Rank(r.Fields.Text("status")) < documents.Rank(documents.Finalised) || d.Chance(5) {
				open = append(open, r)
			}
		}
		if r, ok := Pick(d, open); ok {
			return r, true
		}
	}
	return here{}, false
}

func actOn(w *World, d Dice) error {
	r, ok := w.paper(d)
	if !ok {
		return ErrIdle
	}
	choices, err := r.n.Choices(w.Ctx, r.Key)
	if err != nil {
		return err
	}
	var acts []documents.Action
	for _, c := range choices {
		if c.Action != documents.Edit && c.Action != documents.EditLines && (c.Allowed || d.Chance(5)) {
			acts = append(acts, c.Action)
		}
	}
	act, ok := Pick(d, acts)
	if !ok {
		return ErrIdle
	}
	w.Say("%s: %s %s", r.n.Name, act, w.Name(string(r.Type), r.ID))
	_, err = r.n.Do(w.Ctx, "tester", act, r.Key, 0)
	return err
}

// changeDocument changes fields and lines of a document, as its form would.
func changeDocument(w *World, d Dice) error {
	r, ok := w.paper(d)
	if !ok {
		return ErrIdle
	}
	want := documents.Draft{Fields: atoll.Fields{}}
	for _, name := range []string{"comment", "their_reference"} {
		if _, has := r.Def.Field(name); has && d.Chance(40) {
			want.Fields.Set(name, words(d, 60))
		}
	}
	line, parent, _ := documents.LineOf(r.Type)
	if line != "" {
		for _, l := range Some(d, 2, w.List(r.n, line, parent, string(r.ID))) {
			if d.Chance(20) {
				want.Lines = append(want.Lines, documents.DraftLine{ID: l.ID, Remove: true})
				continue
			}
			if f := quantities(d, l); len(f) > 0 {
				want.Lines = append(want.Lines, documents.DraftLine{ID: l.ID, Fields: f})
			}
		}
	}
	if len(want.Fields)+len(want.Lines) == 0 {
		return ErrIdle
	}
	w.Say("%s changes %s: %d fields, %d lines", r.n.Name, w.Name(string(r.Type), r.ID), len(want.Fields), len(want.Lines))
	_, err := r.n.ChangeDocument(w.Ctx, "tester", r.Key, 0, want)
	return err
}

// quantities changes one of the quantities that the line has.
func quantities(d Dice, line station.Record) atoll.Fields {
	var there []string
	for _, name := range []string{
		"number_of_packs", "received_number_of_packs", "requested_quantity", "supplied_quantity", "counted_number_of_packs", "number_of_packs_received",
	} {
		if line.Fields.Has(name) {
			there = append(there, name)
		}
	}
	name, ok := Pick(d, there)
	if !ok {
		return nil
	}
	return atoll.Fields{}.Set(name, json.Number(strconv.Itoa(d.Between(0, 12))))
}
