package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
)

// link: the initiating half learns the responding half's identity, number and
// status, and what was received, supplied or approved; written by its own site only
// (R-D-13, R-D-29, R-D-33, R-D-34, R-D-38, R-D-40).
func (h *half) linkKind() process.Kind {
	return process.Kind{
		Name: "link " + h.name, Type: h.to.doc, Lines: h.to.line, Parent: h.to.parent, Needs: h.need(), Answer: h.learn,
	}
}

// need is a field without which neither a responding document nor its lines have
// anything to tell.
func (h *half) need() string {
	if h.link == h.lineLink {
		return h.link
	}
	return ""
}

func (h *half) learn(c process.Case) ([]journal.Proposal, error) {
	key := atoll.Key{Type: h.from.doc, ID: c.Fields.ID(h.link)}
	if key.ID == "" || c.Fields.Text("kind") != h.as || h.link == "purchase_order_id" && c.Fields.Has("requisition_id") {
		return nil, nil
	}
	r, own, ok, err := find(c.R, key)
	if err != nil || !ok || own.Text("kind") != h.kind || !c.Owns(r) {
		return nil, err
	}
	want := atoll.Fields{}.Set("linked_"+string(h.to.doc)+"_id", c.Record.ID).Set("linked_status", c.Fields.Text("status"))
	if !documents.Unnumbered(c.Fields) {
		want["linked_number"] = c.Fields["number"]
	}
	// It goes by this answer now: one of another kind that is not here was given up.
	for _, by := range []papers{invoices, requisitions, receipts} {
		name := "linked_" + string(by.doc) + "_id"
		if by == h.to || !own.Has(name) {
			continue
		}
		if _, _, stands, err := find(c.R, atoll.Key{Type: by.doc, ID: own.ID(name)}); err != nil {
			return nil, err
		} else if !stands {
			want[name] = nil
		}
	}
	// What the other half says of itself is so, also when it says less than before: what
	// its site had made of it was refused, or lost with that site.
	for _, name := range []string{"cancel_refused_at", "approval_status", "approval_comment", "approved_at", "approved_by"} {
		if h.from.doc == "purchase_order" || name == "cancel_refused_at" && h.from != invoices || name != "cancel_refused_at" && h.from != requisitions {
			continue
		}
		if c.Fields.Has(name) {
			want[name] = c.Fields[name]
		}
	}
	out := heard(c, r, own, want)
	lines, err := h.learnLines(c)
	return append(out, lines...), err
}

// untold wakes the responding half if the initiating one does not say what it has to
// tell: the responding half was here first. A restored centre may get the answer back
// before the document, and the site where both stores are by then be initialised between.
func (h *half) untold(c process.Case) ([]atoll.Key, error) {
	begun := documents.Rank(c.Fields.Text("status")) >= documents.Rank(documents.Confirmed)
	if !begun || c.Record.Deleted || c.Record.Hidden || c.Fields.Text("kind") != h.kind || !c.Owns(c.Record) {
		return nil, nil
	}
	r, err := h.answered(c)
	if err != nil || r.ID == "" || r.Deleted || r.Hidden {
		return nil, err
	}
	for _, by := range []papers{invoices, requisitions, receipts} {
		named := atoll.Key{Type: by.doc, ID: c.Fields.ID("linked_" + string(by.doc) + "_id")}
		if named.ID != "" && named != r.Key {
			return nil, nil // it goes by another answer
		}
	}
	c.Record, c.Fields = r, r.MustFields()
	tell, err := h.learn(c)
	if err != nil || len(tell) == 0 {
		return nil, err
	}
	return []atoll.Key{r.Key}, nil
}

// learnLines tells the initiating lines what became of them in the other store.
func (h *half) learnLines(c process.Case) ([]journal.Proposal, error) {
	switch {
	case h.to == requisitions && h.from == requisitions:
		return h.learnSupply(c)
	case h.from == invoices:
		return h.learnReceived(c)
	}
	return nil, nil
}

// learnSupply copies what was supplied and approved (R-D-34).
func (h *half) learnSupply(c process.Case) ([]journal.Proposal, error) {
	lines, err := linesOf(c.R, h.to, c.Record.ID)
	if err != nil {
		return nil, err
	}
	var out []journal.Proposal
	for _, l := range lines {
		f := l.MustFields()
		r, own, ok, err := find(c.R, atoll.Key{Type: h.from.line, ID: f.ID(h.lineLink)})
		if err != nil {
			return nil, err
		}
		if !ok || !c.Owns(r) {
			continue
		}
		want := atoll.Fields{}
		copyFields(want, f, []string{"supplied_quantity", "approved_quantity", "approval_comment"})
		if len(own.Changes(own.Apply(want))) > 0 {
			out = append(out, journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: want})
		}
	}
	return out, nil
}

// learnReceived writes how many packs of each sent line were received, in packs as
// they were sent, from the moment they are in stock there (R-D-28, R-D-29).
func (h *half) learnReceived(c process.Case) ([]journal.Proposal, error) {
	status := c.Fields.Text("status")
	if status == documents.Cancelled {
		return nil, nil
	}
	if documents.Rank(status) < documents.Rank(documents.Confirmed) {
		return h.unlearnReceived(c)
	}
	lines, err := linesOf(c.R, h.to, c.Record.ID)
	if err != nil {
		return nil, err
	}
	units := map[atoll.ID]string{}
	var order []atoll.ID
	for _, l := range lines {
		f := l.MustFields()
		id := f.ID(h.lineLink)
		if id == "" {
			continue // it was added there
		}
		packs, size := f.Number("number_of_packs"), f.Number("pack_size")
		if h.to == receipts {
			packs, size = f.Number("number_of_packs_received"), f.Number("received_pack_size")
		}
		if size == "" {
			size = "1"
		}
		if _, known := units[id]; !known {
			order = append(order, id)
		}
		units[id] = documents.Add(or0(units[id]), documents.Mul(or0(packs), size))
	}
	var out []journal.Proposal
	for _, id := range order {
		r, own, ok, err := find(c.R, atoll.Key{Type: h.from.line, ID: id})
		if err != nil {
			return nil, err
		}
		if !ok || !c.Owns(r) {
			continue
		}
		size := own.Number("pack_size")
		if size == "" || documents.Sign(size) <= 0 {
			size = "1"
		}
		packs := documents.Div(units[id], size)
		if own.Has("received_number_of_packs") && documents.Compare(own.Number("received_number_of_packs"), packs) == 0 {
			continue
		}
		out = append(out, journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: atoll.Fields{}.Set("received_number_of_packs", number(packs))})
	}
	return out, nil
}

// unlearnReceived takes back what was learnt of goods that were received, when that did
// not stand: they are on their way again.
func (h *half) unlearnReceived(c process.Case) ([]journal.Proposal, error) {
	lines, err := linesOf(c.R, h.from, c.Fields.ID(h.link))
	if err != nil {
		return nil, err
	}
	var out []journal.Proposal
	for _, l := range lines {
		if l.MustFields().Has("received_number_of_packs") && c.Owns(l) {
			out = append(out, journal.Proposal{Verb: atoll.Update, Key: l.Key, Fields: atoll.Fields{}.Set("received_number_of_packs", nil)})
		}
	}
	return out, nil
}
