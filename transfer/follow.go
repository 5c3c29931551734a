package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
)

// follows are the fields that both halves show and the initiating store writes
// (R-D-37): they travel as changes of its own document.
var follows = []string{"comment", "transport_reference", "expected_delivery_date", "colour", "their_reference"}

// shown is what an initiating document says of the fields that both halves show.
func (h *half) shown(f atoll.Fields) atoll.Fields {
	out := atoll.Fields{}
	for _, name := range follows {
		if name == "their_reference" {
			out.Set(name, h.refer(f))
		} else if f.Has(name) {
			out[name] = f[name]
		}
	}
	return out
}

// place is where the responding half shows a field of the initiating one, and in
// which words. The place is "" for fields that it has not.
func (h *half) place(name string) (field string, words func(string) string) {
	same := func(s string) string { return s }
	switch name {
	case "their_reference":
		return h.reference, same
	case "comment":
		if h.prefix != "" {
			return name, func(s string) string { return bracketed(h.prefix, s) }
		}
	case "colour":
		if h.to == receipts || h.to == orders {
			return "", same
		}
	case "transport_reference":
		if h.to == requisitions {
			return "", same
		}
	}
	return name, same
}

func bracketed(words, comment string) string {
	if comment == "" {
		return words
	}
	return words + " (" + comment + ")"
}

// follow brings a responding half up to date with the initiating one: how that
// stands, and what both show. What this store has written itself stays: a field
// follows only while it still says what it was last given (R-D-37).
func (h *half) follow(c process.Case, r atoll.Record) ([]journal.Proposal, error) {
	f, err := r.Fields()
	if err != nil || r.Deleted || !c.Owns(r) {
		return nil, err
	}
	if f.Bool("is_pre_advice", false) {
		return h.shipped(c, r, f)
	}
	if _, has := h.linkField(); !has || c.Record.Deleted || f.Number("number") == "-1" {
		return nil, nil
	}
	change := atoll.Fields{}
	if !documents.Unnumbered(c.Fields) {
		change["linked_number"] = c.Fields["number"]
	}
	change.Set("linked_status", c.Fields.Text("status"))
	last, now := object(f, "linked_values"), h.shown(c.Fields)
	for _, name := range follows {
		target, words := h.place(name)
		if target == "" || last.Text(name) == now.Text(name) {
			continue
		}
		is, was := f.Text(target), last.Text(name)
		if is != words(was) && (is != "" || was != "") {
			continue // this store's own words
		}
		if said := words(now.Text(name)); said != "" {
			change.Set(target, said)
		} else {
			change.Set(target, nil)
		}
	}
	if len(last.Changes(now)) > 0 {
		change.Set("linked_values", now)
	}
	return heard(c, r, f, change), nil
}

// heard is an update of a half with what it has just heard of the other, stamped
// with the time (R-D-40); nothing if it knew all of it.
func heard(c process.Case, r atoll.Record, f, change atoll.Fields) []journal.Proposal {
	if len(f.Changes(f.Apply(change))) == 0 {
		return nil
	}
	return []journal.Proposal{{Verb: atoll.Update, Key: r.Key, Fields: change.Set("linked_at", atoll.Stamp(c.Now))}}
}

// object reads a field that holds an object.
func object(f atoll.Fields, name string) atoll.Fields {
	var out atoll.Fields
	if f.Has(name) {
		out, _ = atoll.ParseFields(f[name])
	}
	if out == nil {
		out = atoll.Fields{}
	}
	return out
}
