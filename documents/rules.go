package documents

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/topology"
)

// afterwards are the fields of a finalised document that may still change
// (R-D-37): words about it, and what is learnt from the other half.
var afterwards = []string{
	"comment", "transport_reference", "their_reference", "colour", "expected_delivery_date", "custom_data",
	"linked_invoice_id", "linked_requisition_id", "linked_number", "linked_status", "number", "received_number_of_packs",
	"supplied_quantity", "received_quantity", "backdated_at", "cancel_requested_at", "cancel_refused_at", "linked_at", "linked_values",
	"linked_goods_received_id", "supplier_reference", "approval_status", "approval_comment", "approved_at", "approved_by",
	"approved_quantity",
}

// lifeCycle holds documents to the table: statuses only go forward and only by a
// step of it, and a finalised document stays as it is (R-D-31, R-D-37).
func lifeCycle(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if _, ok := governed[c.Op.Type]; !ok || c.Old == nil || c.Op.Verb == atoll.Restate {
		return nil
	}
	was := c.Old.Text("status")
	if c.Op.Verb == atoll.Delete {
		if Rank(was) >= Rank(Finalised) {
			return atoll.Errorf(atoll.LifeCycle, "a %s document cannot be deleted", was).Do("correct it with a return or a new document").
				Because("delete.status", "status", was)
		}
		s, err := judged(t, w, c, c.Op.Key, c.Old)
		if err != nil {
			return err
		}
		if d := s.choice(Delete); !d.Allowed {
			return s.refuse(d)
		}
		return shippedAlready(w, c)
	}
	now := c.New.Text("status")
	if Rank(now) < Rank(was) {
		return atoll.Errorf(atoll.LifeCycle, "a %s document cannot become %s again", was, now).On("status").
			Do("statuses only move forward; correct it with a return or a new document").Because("status.back", "status", was, "next", now)
	}
	if now != was {
		return leads(t, w, c, was, now)
	}
	if Rank(was) < Rank(Finalised) {
		return editable(w, c)
	}
	for _, name := range c.Edited() {
		if !slices.Contains(afterwards, name) {
			return atoll.Errorf(atoll.LifeCycle, "the document is %s; its %s cannot change", was, name).On(name).
				Do("correct it with a return or a new document").Because("status.field", "status", was, "field", name)
		}
	}
	return nil
}

// leads lets a status change only where a step of the table leads, and under its
// conditions: on the fields as they will be.
func leads(t *topology.Topology, w admit.World, c admit.Change, was, now string) error {
	if c.Imported {
		return nil // what another system did has been done
	}
	s, err := judged(t, w, c, c.Op.Key, c.New)
	if err != nil {
		return err
	}
	var lacking *need
	for _, st := range s.steps() {
		if st.to != now || !slices.Contains(st.from, was) {
			continue
		}
		n, missing := s.lacks(st)
		if !missing {
			return nil
		}
		if lacking == nil {
			lacking = &n
		}
	}
	if lacking != nil {
		return atoll.Errorf(atoll.LifeCycle, "it cannot become %s: %s", now, lacking.why).On("status").Do("%s", lacking.hint).Because(lacking.name)
	}
	s.Fields = c.Old
	return atoll.Errorf(atoll.LifeCycle, "a %s %s cannot become %s", was, s.name(), now).On("status").Do("possible now: %s", s.possible()).
		Because("status.step", "status", was, "next", now)
}

// judged is the standing of a document that a change is judged by. Where both
// halves are at the site that made the change, and the other one is not known here or is of
// a store that is managed only, that site keeps it to itself: what stands of it here, if
// anything, is from before (R-C-90).
func judged(t *topology.Topology, w admit.World, c admit.Change, doc atoll.Key, f atoll.Fields) (Standing, error) {
	s, err := standing(w, doc, f)
	if err != nil || c.Here || s.Other == nil && otherHalf(doc.Type, f).ID == "" {
		return s, err
	}
	of := f.ID("partner_store_id")
	if s.Other != nil {
		of = s.Other.ID("store_id")
	}
	st, known := t.Store(of)
	s.OtherKept = known && st.Site == c.By && (s.Other == nil || st.ManagedOnly)
	return s, nil
}

// words are fields that say something about a document and decide nothing: they
// may change while the rest of it may not.
func words(name string) bool {
	return slices.Contains(afterwards, name) || name == "on_hold" || strings.HasPrefix(name, "approv") || name == "is_locked"
}

// editable refuses edits here of a document that its status leaves open and
// something else closes.
func editable(w admit.World, c admit.Change) error {
	if !c.Here || !slices.ContainsFunc(c.Edited(), func(n string) bool { return !words(n) }) {
		return nil
	}
	s, err := standing(w, c.Op.Key, c.Old)
	if err != nil {
		return err
	}
	if e := s.choice(Edit); !e.Allowed {
		return s.refuse(e)
	}
	return nil
}

// shippedAlready keeps a requisition for which goods were sent (R-D-35).
func shippedAlready(w admit.World, c admit.Change) error {
	if c.Op.Type != "requisition" {
		return nil
	}
	sent, err := w.Lines("invoice", "requisition_id", c.Op.ID)
	if err != nil || len(sent) == 0 {
		return err
	}
	return atoll.Errorf(atoll.LifeCycle, "invoice %s was made for the requisition, which cannot be deleted any more", sent[0].ID).
		Do("finalise the requisition instead").Because("requisition.supplied")
}

// oneStore keeps the lines of a document in the document's store: nobody hangs a
// line of his own under a document of another's (R-A-04). Nor does a line go to a store
// to which its document does not: who got the one could never take it without the other.
func oneStore(_ *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if c.New == nil || c.Op.Verb == atoll.Update && !c.Op.Fields.Has(c.Def.Partner) {
		return nil // neither the store nor the document of a line can change
	}
	t, g, ok := parentOf(c.Op.Type)
	if !ok {
		return nil
	}
	doc, there, err := w.Record(atoll.Key{Type: t, ID: c.New.ID(g.parent)})
	if err != nil || !there {
		return err
	}
	if own, of := c.New.ID("store_id"), doc.Only("store_id").ID("store_id"); own != "" && of != "" && own != of {
		return atoll.Errorf(atoll.Ownership, "the line is of store %s, its document of store %s", own, of).On(g.parent).
			Do("make the line in a document of its own store").Because("line.store")
	}
	header, to := doc.Only(c.Def.Partner), c.New.ID(c.Def.Partner)
	if c.Here && c.Def.Partner != "" && to != "" && header.ID(c.Def.Partner) != to {
		return atoll.Errorf(atoll.Rule, "the line is addressed to store %s, its document is not", to).On(c.Def.Partner).
			Do("leave it out: finalising the document addresses its lines").Because("line.addressed")
	}
	return nil
}

// linesFollow keeps the lines of a document as its status and conditions say, and
// those that answer another store's lines from being deleted (R-D-28).
func linesFollow(top *topology.Topology, w admit.World, entry []admit.Change, c admit.Change) error {
	t, g, ok := parentOf(c.Op.Type)
	if !ok || c.Op.Verb == atoll.Restate {
		return nil
	}
	fields := c.New
	if fields == nil {
		fields = c.Old
	}
	doc, err := before(w, entry, atoll.Key{Type: t, ID: fields.ID(g.parent)})
	if err != nil || doc == nil {
		return err // made in this very entry
	}
	status := doc.Text("status")
	if Rank(status) >= Rank(Finalised) {
		for _, name := range c.Edited() {
			if c.Op.Verb != atoll.Update || !slices.Contains(afterwards, name) {
				return atoll.Errorf(atoll.LifeCycle, "the document is %s; its lines cannot change", status).
					Do("correct it with a return or a new document").Because("lines.status", "status", status)
			}
		}
		if c.Op.Verb == atoll.Delete {
			return atoll.Errorf(atoll.LifeCycle, "the document is %s; its lines cannot be deleted", status).Because("lines.delete", "status", status)
		}
		return nil
	}
	s, err := judged(top, w, c, atoll.Key{Type: t, ID: fields.ID(g.parent)}, doc)
	if err != nil {
		return err
	}
	if s.Fields.Bool("is_pre_advice", false) && s.Other.Text("status") == Finalised {
		return nil // the goods have left: its lines are made anew from what was sent (R-D-32)
	}
	if c.Op.Verb == atoll.Delete && c.Old.Has("originating_id") {
		if _, without := s.lacks(step{needs: []need{released}}); without {
			return atoll.Errorf(atoll.LifeCycle, "a line that another store sent cannot be deleted").
				Do("record that nothing of it was received").Because("line.sent")
		}
		return nil
	}
	if !c.Here || c.Op.Verb == atoll.Update && !slices.ContainsFunc(c.Edited(), func(n string) bool { return !lineWords(n) }) {
		return nil
	}
	if e := s.choice(EditLines); !e.Allowed && !ofThisEntry(entry, t, doc, fields.ID(g.parent)) {
		return s.refuse(e)
	}
	return nil
}

// lineWords are the fields of a line that may change whatever the document allows.
func lineWords(name string) bool {
	return slices.Contains(afterwards, name) && name != "supplied_quantity" || strings.HasPrefix(name, "approv") || name == "partner_store_id" ||
		name == "stock_line_id" || name == "status"
}

// ofThisEntry reports whether the document's condition for its lines is met by the
// very entry: taken off hold with it, or received.
func ofThisEntry(entry []admit.Change, t atoll.Type, _ atoll.Fields, id atoll.ID) bool {
	for _, c := range entry {
		if c.Op.Type == t && c.Op.ID == id && c.New != nil {
			return Standing{Type: t, Fields: c.New}.choice(EditLines).Allowed
		}
	}
	return false
}

// before is the document before the entry; nil if there was none.
func before(w admit.World, entry []admit.Change, key atoll.Key) (atoll.Fields, error) {
	for _, c := range entry {
		if c.Op.Key == key {
			return c.Old, nil
		}
	}
	r, ok, err := w.Record(key)
	if err != nil || !ok {
		return nil, err
	}
	return r.Fields()
}

// authorisedFirst lets goods be sent for a requisition only when nobody has still
// to approve it, and nobody denied it (R-D-36).
func authorisedFirst(_ *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if c.Op.Type != "invoice" || !c.Here || c.New == nil || c.New.Text("kind") != CustomerInvoice ||
		c.New.ID("requisition_id") == "" || c.Old.ID("requisition_id") == c.New.ID("requisition_id") {
		return nil
	}
	r, there, err := w.Record(atoll.Key{Type: "requisition", ID: c.New.ID("requisition_id")})
	if err != nil || !there {
		return err
	}
	if a := r.MustFields().Text("approval_status"); Pending(a) || Denied(a) {
		return atoll.Errorf(atoll.LifeCycle, "the requisition is not authorised").On("requisition_id").Do("have it authorised first").
			Because("not_authorised")
	}
	return nil
}

// partnerVisible lets a transfer begin only towards a store that is visible and
// open (R-D-07, R-C-73). One that has begun goes on whatever happens to the
// visibility (R-D-47), and an answer needs no visibility of its own.
func partnerVisible(t *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.New == nil || c.Def.Partner == "" || c.Op.Verb == atoll.Restate {
		return nil
	}
	partner, own := c.New.ID(c.Def.Partner), c.New.ID(c.Def.Scope)
	if partner == "" || c.New.Has("originating_id") || answersOrder(c) || c.Old.Has(c.Def.Partner) && c.Old.ID(c.Def.Partner) == partner {
		return nil
	}
	st, ok := t.Store(partner)
	if !c.Here && ok && t.WereVisible(own, partner) {
		return nil // the goods left when their site still saw the other store
	}
	if by := atoll.SiteID(c.New.Int("owning_site")); ok && c.Here && by > 0 && by != t.Centre() && by == t.Primary() {
		return nil // a primary beside the centre does not know what its stores see; the centre does
	}
	if !ok || !t.Visible(own, partner) {
		return atoll.Errorf(atoll.NotVisible, "store %s is not visible to this one", nameOf(st, partner)).On(c.Def.Partner).
			Do("ask the centre to make the two stores visible to each other").Because("not_visible", "store", nameOf(st, partner))
	}
	if st.Disabled {
		return atoll.Errorf(atoll.NotVisible, "store %s is disabled", st.Name).On(c.Def.Partner).Because("store.disabled", "store", st.Name)
	}
	return nil
}

// answersOrder reports whether the change makes what a purchase order became: a
// requisition, or a shipment to be worked on, or a line of one.
func answersOrder(c admit.Change) bool {
	switch c.Op.Type {
	case "requisition":
		return c.New.Text("kind") == Response && c.New.Has("purchase_order_id")
	case "invoice":
		return c.Op.Verb == atoll.Insert && c.New.Has("purchase_order_id") && Rank(c.New.Text("status")) <= Rank(Suggested)
	case "requisition_line", "invoice_line":
		return c.Op.Verb == atoll.Insert && c.New.Has("purchase_order_line_id")
	}
	return false
}

func nameOf(st topology.Store, id atoll.ID) string {
	if st.Name != "" {
		return st.Name
	}
	return string(id)
}

// neverNegative keeps stock at or above nothing, what is available at or below
// what is there, and the lines that move it to packs that there can be (R-J-09).
func neverNegative(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.New == nil {
		return nil
	}
	if t, _, ok := parentOf(c.Op.Type); ok && c.Here && movesStock(t) && Sign(c.New.Number("number_of_packs")) < 0 {
		return atoll.Errorf(atoll.Rule, "a line cannot have %s packs", c.New.Number("number_of_packs")).On("number_of_packs").
			Do("use a line of the other direction, or a credit").Because("line.packs", "packs", c.New.Number("number_of_packs"))
	}
	if c.Op.Type != "stock_line" {
		return nil
	}
	for _, name := range []string{"total_number_of_packs", "available_number_of_packs"} {
		if Sign(c.New.Number(name)) < 0 {
			return atoll.Errorf(atoll.Rule, "stock cannot fall below nothing: %s would be %s", name, c.New.Number(name)).On(name).
				Do("issue no more than there is, or count the stock first").Because("stock.below", "field", name, "packs", c.New.Number(name))
		}
	}
	if total, available := c.New.Number("total_number_of_packs"), c.New.Number("available_number_of_packs"); c.Here && Compare(available, total) > 0 {
		return atoll.Errorf(atoll.Rule, "%s packs cannot be available of %s", available, total).On("available_number_of_packs").
			Do("what is available is what is there, less what is set aside").Because("stock.available", "available", available, "total", total)
	}
	return nil
}
