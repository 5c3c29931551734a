package documents

import (
	"encoding/json"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

// Draft is what somebody wants a document to be: fields of it and of its lines.
type Draft struct {
	Fields atoll.Fields
	Lines  []DraftLine
	// Only says that lines which the draft does not name are taken out: the draft is
	// the whole document.
	Only bool
}

// DraftLine is one line of a draft.
type DraftLine struct {
	// ID is "" for a new line.
	ID atoll.ID
	// Fields are those to set; null clears. References may hold a code or a number
	// instead of an id: the item's code, ITEM/BATCH of a stock line.
	Fields atoll.Fields
	Remove bool
}

// Make returns a new document of the type with its lines, in one transaction, and
// its id. Status and times may be left out: it is new, and made now. What the
// lines of goods that go out draw from a stock line they have from it (item,
// batch, expiry, pack size, prices), unless they say so themselves.
func (d Desk) Make(t atoll.Type, id atoll.ID, want Draft) ([]journal.Proposal, error) {
	g, ok := governed[t]
	if !ok {
		return nil, atoll.Errorf(atoll.Invalid, "a %s is no document with a life cycle", t)
	}
	if g.line == "" && len(want.Lines) > 0 {
		return nil, atoll.Errorf(atoll.Invalid, "a %s has no lines", t)
	}
	header, err := d.named(t, want.Fields.Clone(), "")
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = atoll.Fields{}
	}
	if !header.Has("status") {
		header.Set("status", New)
	}
	if status := header.Text("status"); Rank(status) > Rank(Suggested) {
		return nil, atoll.Errorf(atoll.LifeCycle, "a document is not made as %s", status).On("status").
			Do("make it, then confirm or finalise it: that gives it its number").Because("made_as", "status", status)
	}
	if !header.Has("created_at") {
		header.Set("created_at", atoll.Stamp(d.Now))
	}
	key := atoll.Key{Type: t, ID: id}
	do := []journal.Proposal{{Verb: atoll.Insert, Key: key, Fields: header}}
	more, err := d.place(key, header, want.Lines, nil)
	if err != nil {
		return nil, err
	}
	return d.Settle(append(do, more...))
}

// Change returns what changes a document and its lines to the draft, with the
// stock that moves if the document has taken effect already: a line of a confirmed
// invoice moves the difference, one of a suggested invoice sets it aside.
func (d Desk) Change(key atoll.Key, want Draft) ([]journal.Proposal, error) {
	s, err := d.Standing(key)
	if err != nil {
		return nil, err
	}
	lines, err := d.linesOf(key)
	if err != nil {
		return nil, err
	}
	there := make(map[atoll.ID]atoll.Record, len(lines))
	for _, r := range lines {
		there[r.ID] = r
	}
	named := map[atoll.ID]bool{}
	for _, l := range want.Lines {
		if _, ok := there[l.ID]; l.ID != "" && !ok && l.Remove {
			return nil, atoll.Errorf(atoll.NotFound, "the document has no such line").About(atoll.Key{Type: governed[key.Type].line, ID: l.ID})
		}
		named[l.ID] = true
	}
	if want.Only {
		for _, r := range lines {
			if !named[r.ID] {
				want.Lines = append(want.Lines, DraftLine{ID: r.ID, Remove: true})
			}
		}
	}
	if c := s.choice(EditLines); len(want.Lines) > 0 && !c.Allowed && Rank(s.Fields.Text("status")) >= Rank(Finalised) {
		return nil, s.refuse(c).About(key)
	}
	if want.Fields, err = d.named(key.Type, want.Fields, s.Fields.ID("store_id")); err != nil {
		return nil, err
	}
	var do []journal.Proposal
	if len(want.Fields) > 0 {
		do = append(do, journal.Proposal{Verb: atoll.Update, Key: key, Fields: want.Fields})
	}
	more, err := d.place(key, s.Fields.Apply(want.Fields), want.Lines, there)
	if err != nil {
		return nil, err
	}
	return d.Settle(append(do, more...))
}

// place are the proposals for a document's lines.
func (d Desk) place(doc atoll.Key, header atoll.Fields, lines []DraftLine, there map[atoll.ID]atoll.Record) ([]journal.Proposal, error) {
	g := governed[doc.Type]
	var do []journal.Proposal
	for _, l := range lines {
		key := atoll.Key{Type: g.line, ID: l.ID}
		old, known := there[l.ID]
		if l.Remove {
			do = append(do, journal.Proposal{Verb: atoll.Delete, Key: key})
			continue
		}
		f, err := d.named(g.line, l.Fields, header.ID("store_id"))
		if err != nil {
			return nil, err
		}
		if known {
			if f.Has("stock_line_id") && f.ID("stock_line_id") != old.MustFields().ID("stock_line_id") {
				if f, err = d.fromStock(f); err != nil {
					return nil, err
				}
			}
			do = append(do, journal.Proposal{Verb: atoll.Update, Key: key, Fields: f})
			continue
		}
		if key.ID == "" {
			key.ID = atoll.NewID(d.Now)
		}
		if f, err = d.fresh(doc, header, f); err != nil {
			return nil, err
		}
		do = append(do, journal.Proposal{Verb: atoll.Insert, Key: key, Fields: f})
	}
	return do, nil
}

// fresh completes the fields of a new line from its document and its stock line.
func (d Desk) fresh(doc atoll.Key, header, f atoll.Fields) (atoll.Fields, error) {
	f, err := d.fromStock(f)
	if err != nil {
		return nil, err
	}
	f.Set(governed[doc.Type].parent, doc.ID).Set("store_id", header.ID("store_id"))
	switch doc.Type {
	case "invoice":
		if !f.Has("kind") {
			switch header.Text("kind") {
			case CustomerInvoice, SupplierCredit, InventoryReduction:
				f.Set("kind", StockOut)
			case SupplierInvoice, CustomerCredit, InventoryAddition:
				f.Set("kind", StockIn)
			}
		}
	case "goods_received":
		if err := d.ordered(header, f); err != nil {
			return nil, err
		}
	case "prescription":
		if !f.Has("kind") {
			f.Set("kind", StockOut)
		}
		if !f.Has("patient_id") {
			f.Set("patient_id", header.ID("patient_id"))
		}
	case "stocktake":
		if id := f.ID("stock_line_id"); id != "" && !f.Has("snapshot_number_of_packs") {
			stock, err := d.document(atoll.Key{Type: "stock_line", ID: id})
			if err != nil {
				return nil, err
			}
			f["snapshot_number_of_packs"] = stock["total_number_of_packs"]
		}
	}
	for _, name := range []string{"partner_store_id", "owning_site"} {
		if header.Has(name) && (doc.Type == "purchase_order" || name == "partner_store_id" && (doc.Type == "invoice" || doc.Type == "requisition")) {
			f[name] = header[name]
		}
	}
	return f, nil
}

// fromStock fills what a line says about goods from the stock line it names.
func (d Desk) fromStock(f atoll.Fields) (atoll.Fields, error) {
	out := f.Clone()
	if out == nil {
		out = atoll.Fields{}
	}
	id := f.ID("stock_line_id")
	if id == "" {
		return out, nil
	}
	stock, err := d.document(atoll.Key{Type: "stock_line", ID: id})
	if err != nil {
		return nil, atoll.Errorf(atoll.NotFound, "there is no such stock line").About(atoll.Key{Type: "stock_line", ID: id}).On("stock_line_id")
	}
	for name, v := range ofStock(id, stock) {
		if _, said := out[name]; !said && name != "store_id" {
			out[name] = v
		}
	}
	return out, nil
}

// ParseLines reads the lines of a draft: an array of objects, each a line's
// fields, with its id if it is there already, and "remove": true to take it out.
func ParseLines(raw json.RawMessage) ([]DraftLine, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, atoll.Errorf(atoll.Invalid, "lines: want an array of objects").On("lines")
	}
	out := make([]DraftLine, 0, len(rows))
	for i, row := range rows {
		f, err := atoll.ParseFields(row)
		if err != nil {
			return nil, atoll.Errorf(atoll.Invalid, "lines[%d]: %w", i, err).On("lines")
		}
		l := DraftLine{Fields: f, Remove: f.Bool("remove", false)}
		if f.Has("id") {
			if l.ID, err = atoll.ParseID(f.Text("id")); err != nil {
				return nil, err
			}
		}
		delete(f, "id")
		delete(f, "remove")
		out = append(out, l)
	}
	return out, nil
}
