package documents

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

// Do returns what an action on a document changes, for one transaction: its
// status, number and times, the stock that moves, and what else belongs to it. It
// fails with atoll.LifeCycle, and the reason, when the document does not allow it
// (see Choices). Edit and EditLines are no acts: they are edits (Change).
func (d Desk) Do(act Action, key atoll.Key) ([]journal.Proposal, error) {
	s, err := d.Standing(key)
	if err != nil {
		return nil, err
	}
	c := s.choice(act)
	if !c.Allowed {
		return nil, s.refuse(c).About(key)
	}
	lines, err := d.linesOf(key)
	if err != nil {
		return nil, err
	}
	p := paper{desk: d, Standing: s, key: key, lines: lines, header: atoll.Fields{}}
	if c.To != "" {
		p.header.Set("status", c.To)
	}
	switch act {
	case Suggest:
	case Arrive:
		p.stampOnce("received_at")
	case Confirm:
		err = p.confirm()
	case Finalise:
		err = p.finalise()
	case Receive:
		p.stampOnce("received_at")
		p.header.Set("on_hold", false)
		err = p.finalise()
	case Authorise, Deny:
		p.decide(act)
	case Cancel:
		p.stampOnce("cancelled_at")
	case Delete:
		return d.remove(key, lines)
	case Edit, EditLines:
		return nil, atoll.Errorf(atoll.Invalid, "%s is an edit, not an act", act).About(key)
	}
	if err != nil {
		return nil, err
	}
	return d.Settle(append([]journal.Proposal{{Verb: atoll.Update, Key: key, Fields: p.header}}, p.more...))
}

// Suggest, Confirm, Finalise, Receive and Cancel are Do for an invoice.
func (d Desk) Suggest(id atoll.ID) ([]journal.Proposal, error) { return d.Do(Suggest, invoice(id)) }

// Confirm takes the stock of an invoice out of its stock lines, or into stock.
func (d Desk) Confirm(id atoll.ID) ([]journal.Proposal, error) { return d.Do(Confirm, invoice(id)) }

// Finalise closes an invoice: its number, the stock that moves unless it moved
// when it was confirmed, and, if the other party is a store, the partner by which
// the transfer begins (R-D-01, R-D-02).
func (d Desk) Finalise(id atoll.ID) ([]journal.Proposal, error) { return d.Do(Finalise, invoice(id)) }

// Receive takes a supplier invoice or customer credit into stock: off hold,
// finalised, each line a stock line of its own (R-D-26, R-D-27).
func (d Desk) Receive(id atoll.ID) ([]journal.Proposal, error) { return d.Do(Receive, invoice(id)) }

// Cancel cancels an invoice; stock it moved goes back.
func (d Desk) Cancel(id atoll.ID) ([]journal.Proposal, error) { return d.Do(Cancel, invoice(id)) }

// FinaliseRequisition closes a requisition: its number and, for a request to a
// store, the partner by which it becomes a response there (R-D-03).
func (d Desk) FinaliseRequisition(id atoll.ID) ([]journal.Proposal, error) {
	return d.Do(Finalise, atoll.Key{Type: "requisition", ID: id})
}

func invoice(id atoll.ID) atoll.Key { return atoll.Key{Type: "invoice", ID: id} }

// Standing reads what decides about a document.
func (d Desk) Standing(key atoll.Key) (Standing, error) {
	if _, ok := governed[key.Type]; !ok {
		return Standing{}, atoll.Errorf(atoll.Invalid, "a %s is no document with a life cycle", key.Type).About(key)
	}
	f, err := d.document(key)
	if err != nil {
		return Standing{}, err
	}
	return standing(journal.View{RecordReader: d.R}, key, f)
}

// standing adds the other half, as it is known here. What answers a document is known by
// its identity before the document has learnt of it, and also if it never does: an answer
// that was thrown away first is here as deleted, and no document may name one (R-D-39).
func standing(w papers, key atoll.Key, f atoll.Fields) (Standing, error) {
	s := Standing{Type: key.Type, Fields: f}
	other := []atoll.Key{otherHalf(key.Type, f)}
	if f.Has("partner_store_id") && !linked(f) {
		other = append(Answers(key, f), other...)
	}
	for _, k := range other {
		if k.ID == "" {
			continue
		}
		r, there, err := w.Record(k)
		if err != nil {
			return s, err
		}
		if there {
			s.OtherGone = r.Deleted
			s.Other, err = r.Fields()
			return s, err
		}
	}
	return s, nil
}

// answered is the key of the document that this one answers. An order is answered by a
// response requisition or by an invoice (R-D-90); what is sent for a response answers
// nothing more.
func answered(t atoll.Type, f atoll.Fields) atoll.Key {
	switch kind := f.Text("kind"); {
	case t == "goods_received" && f.Has("originating_id"):
		return invoice(f.ID("originating_id"))
	case f.Has("originating_id"):
		return atoll.Key{Type: t, ID: f.ID("originating_id")}
	case !f.Has("purchase_order_id"):
		return atoll.Key{}
	case t == "requisition" && kind == Response, t == "invoice" && kind == CustomerInvoice && !f.Has("requisition_id"):
		return atoll.Key{Type: "purchase_order", ID: f.ID("purchase_order_id")}
	}
	return atoll.Key{}
}

// linked reports whether the document has learnt what answers it.
func linked(f atoll.Fields) bool {
	return f.Has("linked_invoice_id") || f.Has("linked_goods_received_id") || f.Has("linked_requisition_id")
}

// otherHalf is the key of the document that answers this one, or that this one answers,
// by what it says itself.
func otherHalf(t atoll.Type, f atoll.Fields) atoll.Key {
	switch {
	case t == "goods_received":
		return answered(t, f)
	case f.Has("linked_invoice_id"):
		return invoice(f.ID("linked_invoice_id"))
	case f.Has("linked_goods_received_id"):
		return atoll.Key{Type: "goods_received", ID: f.ID("linked_goods_received_id")}
	case f.Has("linked_requisition_id"):
		return atoll.Key{Type: "requisition", ID: f.ID("linked_requisition_id")}
	}
	return answered(t, f)
}

// Allowed answers what may be done with a document now, and why the rest may not.
func (d Desk) Allowed(key atoll.Key) ([]Choice, error) {
	s, err := d.Standing(key)
	if err != nil {
		return nil, err
	}
	return Choices(s), nil
}

func (d Desk) linesOf(key atoll.Key) ([]atoll.Record, error) {
	g := governed[key.Type]
	if g.line == "" {
		return nil, nil
	}
	return d.lines(g.line, g.parent, key.ID)
}

// paper is a document that an act is working on.
type paper struct {
	Standing
	desk   Desk
	key    atoll.Key
	lines  []atoll.Record
	header atoll.Fields       // what changes of it
	more   []journal.Proposal // what changes beside it
}

func (p *paper) stampOnce(field string) {
	if !p.Fields.Has(field) && slices.Contains(governed[p.Type].times, field) {
		p.header.Set(field, atoll.Stamp(p.desk.Now))
	}
}

// takeEffect gives the document its number and the count of its lines (R-D-51).
func (p *paper) takeEffect() error {
	g := governed[p.Type]
	if g.line != "" {
		p.header.Set("line_count", len(p.lines))
	}
	if !Unnumbered(p.Fields) {
		return nil
	}
	n, sequence, err := p.desk.numberOf(p.Fields, sequenceOf(p.Type, p.Fields))
	if err != nil {
		return err
	}
	p.header.Set("number", n)
	p.more = append(p.more, sequence)
	return nil
}

func (p *paper) confirm() error {
	p.stampOnce("confirmed_at")
	if err := p.takeEffect(); err != nil {
		return err
	}
	if p.Type == "purchase_order" {
		return p.address() // R-D-04
	}
	return nil
}

func (p *paper) finalise() error {
	p.stampOnce("confirmed_at")
	p.header.Set("finalised_at", atoll.Stamp(p.desk.Now))
	if err := p.takeEffect(); err != nil {
		return err
	}
	switch p.Type {
	case "stocktake":
		return p.settleCount()
	case "goods_received":
		return p.invoiceReceipt()
	case "invoice", "requisition":
		return p.address()
	}
	return nil
}

// address names the store that the document is for, on it and its lines: with
// that a transfer begins.
func (p *paper) address() error {
	partner, err := p.desk.partner(p.Type, p.Fields)
	if err != nil || partner == "" {
		return err
	}
	if !p.Fields.Has("partner_store_id") {
		p.header.Set("partner_store_id", partner)
	}
	for _, r := range p.lines {
		if !r.MustFields().Has("partner_store_id") {
			p.more = append(p.more, journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: atoll.Fields{}.Set("partner_store_id", partner)})
		}
	}
	return nil
}

// partner is the store a document that leaves this one is for: "" if the other
// party is not a store, or the document comes in.
func (d Desk) partner(t atoll.Type, f atoll.Fields) (atoll.ID, error) {
	switch kind := f.Text("kind"); {
	case t == "purchase_order", kind == CustomerInvoice, kind == SupplierCredit, kind == Request:
	default:
		return "", nil
	}
	other := f.ID("name_id")
	if st, ok := d.T.StoreOfName(other); ok {
		return st.ID, nil
	}
	if other == "" {
		return "", nil
	}
	// A name that is a store which cannot be seen here: the document would look like
	// a transfer and be none.
	r, err := d.R.Record(atoll.Key{Type: "name", ID: other})
	if err != nil || r.MustFields().Text("kind") != "store" {
		return "", nil //nolint:nilerr // a name that is not here is no store either
	}
	return "", atoll.Errorf(atoll.NotVisible, "%s is a store that is not visible here", r.MustFields().Text("name")).
		Do("ask the centre to make the two stores visible to each other").Because("not_visible", "store", r.MustFields().Text("name"))
}

// decide records the approval of a response, or its refusal (R-D-36).
func (p *paper) decide(act Action) {
	p.header.Set("approval_status", map[Action]string{Authorise: "authorised", Deny: "denied"}[act]).
		Set("approved_at", atoll.Stamp(p.desk.Now))
}

// remove deletes a document with its lines; stock it held or moved goes back.
func (d Desk) remove(key atoll.Key, lines []atoll.Record) ([]journal.Proposal, error) {
	var do []journal.Proposal
	for _, r := range lines {
		do = append(do, journal.Proposal{Verb: atoll.Delete, Key: r.Key})
	}
	return d.Settle(append(do, journal.Proposal{Verb: atoll.Delete, Key: key}))
}
