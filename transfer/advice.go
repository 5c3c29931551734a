package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
)

// advise names the other store on a shipment that is picked and not sent yet, when
// the system wants goods to be announced (R-D-32): with that it travels.
var advise = process.Kind{
	Name: "pre-advice", Type: invoices.doc, Lines: invoices.line, Parent: invoices.parent,
	Answer: func(c process.Case) ([]journal.Proposal, error) {
		if c.Fields.Text("kind") != documents.CustomerInvoice || c.Fields.Text("status") != documents.Confirmed ||
			!c.T.Prefers(preAdvice) || !c.Owns(c.Record) {
			return nil, nil
		}
		other, ok := c.T.StoreOfName(c.Fields.ID("name_id"))
		if !ok || other.Disabled || !c.T.Visible(c.Fields.ID("store_id"), other.ID) {
			return nil, nil
		}
		lines, err := linesOf(c.R, invoices, c.Record.ID)
		if err != nil {
			return nil, err
		}
		to := atoll.Fields{}.Set("partner_store_id", other.ID)
		var out []journal.Proposal
		for _, r := range append([]atoll.Record{c.Record}, lines...) {
			if !r.MustFields().Has("partner_store_id") {
				out = append(out, journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: to.Clone()})
			}
		}
		return out, nil
	},
}

// preAdvice is the preference by which goods are announced when they are picked.
const preAdvice = "transfer_pre_advice"

// shipped makes a pre-advice a document: when the goods are sent its lines are made
// anew from what was sent, and when the shipment was given up it goes (R-D-32).
func (h *half) shipped(c process.Case, r atoll.Record, f atoll.Fields) ([]journal.Proposal, error) {
	if c.Record.Deleted || c.Fields.Text("status") == documents.Cancelled {
		return desk(c).Do(documents.Delete, r.Key)
	}
	if c.Fields.Text("status") != documents.Finalised {
		return nil, nil
	}
	lines, err := linesOf(c.R, h.from, c.Record.ID)
	if err != nil || len(lines) < int(c.Fields.Int("line_count")) {
		return nil, err
	}
	there, err := linesOf(c.R, h.to, r.ID)
	if err != nil {
		return nil, err
	}
	before := map[atoll.ID]atoll.Record{}
	for _, l := range there {
		before[l.ID] = l
	}
	store := storeOf(c, f.ID("store_id"))
	change := atoll.Fields{}.Set("is_pre_advice", false).Set("line_count", len(lines)).Set("linked_status", c.Fields.Text("status")).
		Set("linked_values", h.shown(c.Fields)).Set("linked_at", atoll.Stamp(c.Now))
	if !documents.Unnumbered(c.Fields) {
		change["linked_number"] = c.Fields["number"]
	}
	if err := carry(c, h.to.doc, change, c.Fields, h.header); err != nil {
		return nil, err
	}
	for _, name := range follows {
		if target, words := h.place(name); target != "" && words(c.Fields.Text(name)) != "" && name != "their_reference" {
			change.Set(target, words(c.Fields.Text(name)))
		}
	}
	change.Set(h.reference, h.refer(c.Fields))
	out := []journal.Proposal{{Verb: atoll.Update, Key: r.Key, Fields: change}}
	for _, l := range lines {
		line, err := h.lineOf(c, store, r.ID, f.ID("partner_store_id"), l)
		if err != nil {
			return nil, err
		}
		id := h.ID(l.ID)
		old, known := before[id]
		delete(before, id)
		p := journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: h.to.line, ID: id}, Fields: line.Compacted()}
		if known {
			if p.Verb, p.Fields = atoll.Update, old.MustFields().Changes(line); len(p.Fields) == 0 {
				continue
			}
		}
		out = append(out, p)
	}
	for _, l := range there {
		if _, left := before[l.ID]; left {
			out = append(out, journal.Proposal{Verb: atoll.Delete, Key: l.Key})
		}
	}
	return out, nil
}
