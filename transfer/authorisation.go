package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
)

// authorise: what the authorisers decided at the centre is written into the
// requisition by the supplying store's own site (R-D-36, R-B-33).
var authorise = process.Kind{
	Name: "authorisation", Type: "authorisation", Lines: "authorisation_line", Parent: "authorisation_id",
	Answer: func(c process.Case) ([]journal.Proposal, error) {
		decision := c.Fields.Text("status")
		if decision != "authorised" && decision != "denied" {
			return nil, nil
		}
		r, own, ok, err := find(c.R, atoll.Key{Type: requisitions.doc, ID: c.Fields.ID("requisition_id")})
		if err != nil || !ok || !c.Owns(r) || documents.Rank(own.Text("status")) >= documents.Rank(documents.Finalised) {
			return nil, err
		}
		if now := own.Text("approval_status"); now != "pending" && now != decision {
			return nil, nil // it was decided otherwise before
		}
		want := atoll.Fields{}.Set("approval_status", decision)
		copyAs(want, "approval_comment", c.Fields, "comment")
		copyAs(want, "approved_at", c.Fields, "decided_at")
		copyAs(want, "approved_by", c.Fields, "decided_by")
		var out []journal.Proposal
		if len(own.Changes(own.Apply(want))) > 0 {
			out = append(out, journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: want})
		}
		lines, err := linesOf(c.R, papers{"authorisation", "authorisation_line", "authorisation_id"}, c.Record.ID)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			f := l.MustFields()
			line, is, ok, err := find(c.R, atoll.Key{Type: requisitions.line, ID: f.ID("requisition_line_id")})
			if err != nil {
				return nil, err
			}
			if !ok || is.ID("requisition_id") != r.ID {
				continue
			}
			want := atoll.Fields{}
			copyAs(want, "approved_quantity", f, "approved_quantity")
			copyAs(want, "approval_comment", f, "comment")
			if len(is.Changes(is.Apply(want))) > 0 {
				out = append(out, journal.Proposal{Verb: atoll.Update, Key: line.Key, Fields: want})
			}
		}
		return out, nil
	},
}

// DecideHere is Decide where the requisition itself is worked in: the decision is
// written into it at once.
func DecideHere(d documents.Desk, id atoll.ID, yes bool, by, comment string, quantities map[atoll.ID]string) ([]journal.Proposal, error) {
	key := atoll.Key{Type: requisitions.doc, ID: id}
	act := documents.Deny
	if yes {
		act = documents.Authorise
	}
	do, err := d.Do(act, key)
	if err != nil {
		return nil, err
	}
	for _, p := range do {
		if p.Key == key {
			p.Fields.Set("approved_by", by)
			if comment != "" {
				p.Fields.Set("approval_comment", comment)
			}
		}
	}
	if !yes {
		return do, nil
	}
	lines, err := linesOf(d.R, requisitions, id)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		if quantity, given := quantities[l.ID]; given {
			do = append(do, journal.Proposal{Verb: atoll.Update, Key: l.Key, Fields: atoll.Fields{}.Set("approved_quantity", number(quantity))})
			delete(quantities, l.ID)
		}
	}
	for line := range quantities {
		return nil, atoll.Errorf(atoll.NotFound, "the requisition has no line %s", line).About(key)
	}
	return do, nil
}

// Decide returns the authorisers' decision about a response requisition that waits
// for one: a record of the centre, which the supplying store's site carries out.
// Quantities are those approved, by requisition line; lines without one are
// approved as requested.
func Decide(d documents.Desk, id atoll.ID, yes bool, by, comment string, quantities map[atoll.ID]string) ([]journal.Proposal, error) {
	key := atoll.Key{Type: requisitions.doc, ID: id}
	_, f, ok, err := find(d.R, key)
	if err != nil {
		return nil, err
	}
	switch {
	case !ok:
		return nil, atoll.Errorf(atoll.NotFound, "there is no such requisition").About(key)
	case f.Text("kind") != documents.Response || f.Text("approval_status") != "pending":
		return nil, atoll.Errorf(atoll.LifeCycle, "the requisition does not wait for an authorisation").About(key)
	}
	status := "denied"
	if yes {
		status = "authorised"
	}
	to := atoll.Fields{}.Set("store_id", f.ID("store_id"))
	if f.Has("partner_store_id") {
		to.Set("partner_store_id", f.ID("partner_store_id"))
	}
	// One decision for each requisition: deciding twice is refused.
	decision := atoll.Key{Type: "authorisation", ID: atoll.DeriveID("authorisation", string(id))}
	if _, err := d.R.Record(decision); err == nil {
		return nil, atoll.Errorf(atoll.LifeCycle, "it was decided already; the supplying store has not heard of it yet").About(key)
	}
	header := to.Clone().Set("requisition_id", id).Set("status", status).Set("decided_at", atoll.Stamp(d.Now)).Set("decided_by", by)
	if comment != "" {
		header.Set("comment", comment)
	}
	out := []journal.Proposal{{Verb: atoll.Insert, Key: decision, Fields: header}}
	if !yes {
		return out, nil
	}
	lines, err := linesOf(d.R, requisitions, id)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		quantity, given := quantities[l.ID]
		if !given {
			quantity = or0(l.MustFields().Number("requested_quantity"))
		}
		delete(quantities, l.ID)
		out = append(out, journal.Proposal{
			Verb: atoll.Insert, Key: atoll.Key{Type: "authorisation_line", ID: atoll.DeriveID("authorisation line", string(l.ID))},
			Fields: to.Clone().Set("authorisation_id", decision.ID).Set("requisition_line_id", l.ID).Set("approved_quantity", number(quantity)),
		})
	}
	for line := range quantities {
		return nil, atoll.Errorf(atoll.NotFound, "the requisition has no line %s", line).About(key)
	}
	return out, nil
}
