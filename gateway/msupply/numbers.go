package msupply

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/atollsync/atoll"
)

// numberTables are the number sequences of stores (R-B-111).
var numberTables = []table{
	{name: "number", makes: []atoll.Type{"number_sequence"}, extras: []atoll.Type{"number_sequence"}, also: number},
	{name: "number_reuse", makes: []atoll.Type{"number_sequence"}, also: reuse},
}

// sequenceName is what their sequences are called: a kind of document, and the
// key of a store. One of them lacks the last underline.
var sequenceName = regexp.MustCompile(`^(\w+?)_(?:number_for_store_?|serial_number_for_store_?)?([0-9A-Za-z-]{32,36})$`)

// sequences are their kinds of document and the sequences here that go on from
// them. They number requests and responses in one row, and adjustments with the
// invoices of their direction.
var sequences = map[string][]string{
	"customer_invoice": {"customer_invoice", "inventory_reduction"},
	"supplier_invoice": {"supplier_invoice", "inventory_addition"},
	"requisition":      {"request", "response", "imprest", "stock_history"},
	"stock_take":       {"stocktake"},
}

// sequenceID is where package documents looks for a store's sequence, so that the
// numbers go on.
func sequenceID(store atoll.ID, key string) atoll.ID {
	return atoll.DeriveID("number_sequence", string(store), key)
}

func number(r *row) {
	m := sequenceName.FindStringSubmatch(r.text("name"))
	if m == nil {
		r.refuse(whyKind, "sequence "+quoted(r.text("name"))+" belongs to no store")
		return
	}
	store, ok := r.w.find("store", m[2])
	if !ok {
		r.dangles = append(r.dangles, "name")
		r.refuse(whyReference, "the store of the sequence is not here")
		return
	}
	// Their value is the number that comes next; ours is the last one given.
	next, ok := integerOf(r.data["value"])
	n, err := strconv.ParseInt(string(next), 10, 64)
	if !ok || err != nil {
		r.unread = append(r.unread, "value")
		r.refuse(whySchema, "its value is no whole number")
		return
	}
	keys := sequences[m[1]]
	if keys == nil {
		keys = []string{m[1]}
	}
	back := r.givenBack()
	for i, key := range keys {
		s := r.main()
		if i > 0 {
			s = r.extra("number_sequence", key)
		}
		s.id = sequenceID(store, key)
		s.fields.Set("store_id", store).Set("key", key).Set("last", max(0, n-1)).Set("reusable", nil)
		if i == 0 && len(back) > 0 {
			s.fields.Set("reusable", back)
		}
	}
	r.carry("name", "value")
}

// givenBack are the numbers of the sequence that may be used again, in order.
func (r *row) givenBack() []int64 {
	var out []int64
	for _, s := range r.w.by[look{"number_reuse", "name", r.text("name")}] {
		if n, ok := integerOf(s.object()["number_to_use"]); ok && s.action != "delete" {
			v, _ := n.Int64()
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// reuse is a number given back: a part of its sequence.
func reuse(r *row) {
	if _, ok := integerOf(r.data["number_to_use"]); !ok {
		r.unread = append(r.unread, "number_to_use")
		r.refuse(whySchema, "its number is no whole number")
		return
	}
	for _, s := range r.w.by[look{"number", "name", r.text("name")}] {
		if _, ok := r.w.find("number_sequence", s.key); ok {
			r.made, r.within = nil, true
			r.carry("name", "number_to_use")
			return
		}
	}
	r.refuse(whyReference, "its sequence is not in this capture")
}
