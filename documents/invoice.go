package documents

import (
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Finalise returns what finalising the invoice changes, in one transaction: its
// status and number, the stock that moves, and, if the other party is a store,
// the partner by which the transfer begins (R-D-01, R-D-02).
func (d Desk) Finalise(id atoll.ID) ([]journal.Proposal, error) {
	key := atoll.Key{Type: "invoice", ID: id}
	inv, err := d.document(key)
	if err != nil {
		return nil, err
	}
	if status := inv.Text("status"); Rank(status) >= Rank(Finalised) {
		return nil, atoll.Errorf(atoll.LifeCycle, "the document is %s already", status).About(key)
	}
	lines, err := d.lines("invoice_line", "invoice_id", id)
	if err != nil {
		return nil, err
	}
	header := atoll.Fields{}.Set("status", Finalised).Set("finalised_at", stamp(d.Now)).Set("line_count", len(lines))
	if !inv.Has("confirmed_at") {
		header.Set("confirmed_at", stamp(d.Now))
	}
	partner, err := d.partner(inv)
	if err != nil {
		return nil, err
	}
	if partner != "" && !inv.Has("partner_store_id") {
		header.Set("partner_store_id", partner)
	}
	var out []journal.Proposal
	if Unnumbered(inv) {
		n, p, err := d.Number(inv.ID("store_id"), inv.Text("kind"))
		if err != nil {
			return nil, err
		}
		header.Set("number", n)
		out = append(out, p)
	}
	out = append([]journal.Proposal{{Verb: atoll.Update, Key: key, Fields: header}}, out...)
	// Stock moved when it was confirmed (R-D-27), if that was more than a word: a
	// status alone moves nothing.
	moved := Rank(inv.Text("status")) >= Rank(Confirmed) && inv.Has("confirmed_at")
	stock := stock{desk: d}
	for _, r := range lines {
		f, err := r.Fields()
		if err != nil {
			return nil, err
		}
		change := atoll.Fields{}
		if partner != "" && !f.Has("partner_store_id") {
			change.Set("partner_store_id", partner)
		}
		if !moved {
			line, err := stock.move(inv.Text("kind"), r.ID, f)
			if err != nil {
				return nil, err
			}
			if line != "" && !f.Has("stock_line_id") {
				change.Set("stock_line_id", line)
			}
		}
		if len(change) > 0 {
			out = append(out, journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: change})
		}
	}
	return append(out, stock.proposals()...), nil
}

// partner is the store a document that leaves this one is for: "" if the other
// party is not a store, or the document comes in.
func (d Desk) partner(inv atoll.Fields) (atoll.ID, error) {
	switch inv.Text("kind") {
	case CustomerInvoice, SupplierCredit, Request:
	default:
		return "", nil
	}
	st, ok := d.T.StoreOfName(inv.ID("name_id"))
	if !ok {
		if other := inv.ID("name_id"); other != "" {
			return "", d.hidden(other)
		}
		return "", nil
	}
	return st.ID, nil
}

// hidden refuses a name that is a store which cannot be seen here: the document
// would look like a transfer and be none.
func (d Desk) hidden(name atoll.ID) error {
	r, err := d.R.Record(atoll.Key{Type: "name", ID: name})
	if err != nil || r.MustFields().Text("kind") != "store" {
		return nil //nolint:nilerr // a name that is not here is no store either
	}
	return atoll.Errorf(atoll.NotVisible, "%s is a store that is not visible here", r.MustFields().Text("name")).
		Do("ask the centre to make the two stores visible to each other")
}

// Receive takes a supplier invoice or customer credit into stock: off hold,
// finalised, each line a stock line of its own (R-D-26, R-D-27).
func (d Desk) Receive(id atoll.ID) ([]journal.Proposal, error) {
	key := atoll.Key{Type: "invoice", ID: id}
	inv, err := d.document(key)
	if err != nil {
		return nil, err
	}
	if kind := inv.Text("kind"); kind != SupplierInvoice && kind != CustomerCredit {
		return nil, atoll.Errorf(atoll.LifeCycle, "only goods that come in are received; this is a %s", strings.ReplaceAll(kind, "_", " ")).
			About(key).Do("finalise it instead")
	}
	out, err := d.Finalise(id)
	if err != nil {
		return nil, err
	}
	out[0].Fields.Set("on_hold", false).Set("received_at", stamp(d.Now))
	return out, nil
}

// stock gathers the movements of one transaction, so that a stock line that
// several document lines name is changed once.
type stock struct {
	desk  Desk
	lines []atoll.ID
	state map[atoll.ID]*stockLine
}

type stockLine struct {
	before, after atoll.Fields // before is nil for a new one
}

// move moves the stock of one document line, and returns the stock line it
// touched, "" if none.
func (s *stock) move(kind string, line atoll.ID, f atoll.Fields) (atoll.ID, error) {
	packs := f.Number("number_of_packs")
	switch kind {
	case CustomerInvoice, SupplierCredit, InventoryReduction:
		if !f.Has("stock_line_id") {
			return "", nil // ordered but not allocated: nothing leaves
		}
		return f.ID("stock_line_id"), s.add(f.ID("stock_line_id"), Sub("0", packs))
	case SupplierInvoice, CustomerCredit, InventoryAddition:
		if f.Has("stock_line_id") {
			return f.ID("stock_line_id"), s.add(f.ID("stock_line_id"), packs)
		}
		if Sign(packs) <= 0 {
			return "", nil // nothing was received (R-D-28)
		}
		id := atoll.DeriveID("stock_line", string(line))
		s.set(id, &stockLine{after: newStockLine(f, packs)})
		return id, nil
	}
	return "", nil
}

func newStockLine(f atoll.Fields, packs string) atoll.Fields {
	out := atoll.Fields{}.Set("total_number_of_packs", number(packs)).Set("available_number_of_packs", number(packs)).Set("on_hold", false)
	for _, name := range []string{
		"store_id", "item_id", "batch", "expiry_date", "manufacture_date", "pack_size", "cost_price_per_pack", "sell_price_per_pack",
		"location_id", "item_variant_id", "donor_id", "manufacturer_id", "barcode_id", "campaign_id", "program_id", "vvm_status_id",
	} {
		if f.Has(name) {
			out[name] = f[name]
		}
	}
	if !out.Has("pack_size") {
		out.Set("pack_size", number("1"))
	}
	return out
}

func (s *stock) set(id atoll.ID, l *stockLine) {
	if s.state == nil {
		s.state = map[atoll.ID]*stockLine{}
	}
	s.state[id] = l
	s.lines = append(s.lines, id)
}

func (s *stock) add(id atoll.ID, packs string) error {
	l, ok := s.state[id]
	if !ok {
		f, err := s.desk.document(atoll.Key{Type: "stock_line", ID: id})
		if err != nil {
			return err
		}
		l = &stockLine{before: f, after: f.Clone()}
		s.set(id, l)
	}
	for _, name := range []string{"total_number_of_packs", "available_number_of_packs"} {
		l.after.Set(name, number(Add(l.after.Number(name), packs)))
	}
	return nil
}

func (s *stock) proposals() []journal.Proposal {
	var out []journal.Proposal
	for _, id := range s.lines {
		l := s.state[id]
		p := journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "stock_line", ID: id}, Fields: l.after}
		if l.before == nil {
			p.Verb = atoll.Insert
		} else {
			p.Fields = l.before.Changes(l.after)
		}
		out = append(out, p)
	}
	return out
}

// Adjust returns an inventory adjustment of a stock line by packs (negative to
// take away): the finalised document, its line and the stock, in one
// transaction.
func (d Desk) Adjust(stockLineID atoll.ID, packs, reason string) ([]journal.Proposal, error) {
	s := stock{desk: d}
	if err := s.add(stockLineID, packs); err != nil {
		return nil, err
	}
	before := s.state[stockLineID].before
	kind, direction, amount := InventoryAddition, "stock_in", packs
	if Sign(packs) < 0 {
		kind, direction, amount = InventoryReduction, "stock_out", Sub("0", packs)
	}
	store := before.ID("store_id")
	n, sequence, err := d.Number(store, kind)
	if err != nil {
		return nil, err
	}
	invoice, line := atoll.NewID(d.Now), atoll.NewID(d.Now)
	at := stamp(d.Now)
	header := atoll.Fields{}.Set("store_id", store).Set("kind", kind).Set("status", Finalised).Set("number", n).
		Set("created_at", at).Set("confirmed_at", at).Set("finalised_at", at).Set("comment", reason).Set("line_count", 1)
	row := atoll.Fields{}.Set("invoice_id", invoice).Set("store_id", store).Set("kind", direction).
		Set("stock_line_id", stockLineID).Set("number_of_packs", number(amount))
	for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size", "cost_price_per_pack", "sell_price_per_pack"} {
		if before.Has(name) {
			row[name] = before[name]
		}
	}
	return append([]journal.Proposal{
		{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: invoice}, Fields: header},
		{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: line}, Fields: row},
		sequence,
	}, s.proposals()...), nil
}

// StockOf returns the stock lines of a store, those of one item if item is not "".
func (d Desk) StockOf(store, item atoll.ID) ([]atoll.Record, error) {
	where := map[string]string{"store_id": string(store)}
	if item != "" {
		where["item_id"] = string(item)
	}
	return d.R.Records(storage.Query{Type: "stock_line", Where: where})
}
