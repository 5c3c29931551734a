package documents

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/topology"
)

// governed are the document types with a life cycle, and their lines.
var governed = map[atoll.Type]struct {
	line   atoll.Type
	parent string // the line's field with the document
}{
	"invoice":        {"invoice_line", "invoice_id"},
	"requisition":    {"requisition_line", "requisition_id"},
	"prescription":   {"prescription_line", "prescription_id"},
	"stocktake":      {"stocktake_line", "stocktake_id"},
	"purchase_order": {"purchase_order_line", "purchase_order_id"},
	"goods_received": {"goods_received_line", "goods_received_id"},
}

// afterwards are the fields of a finalised document that may still change
// (R-D-37): words about it, and what is learnt from the other half.
var afterwards = []string{
	"comment", "transport_reference", "their_reference", "colour", "expected_delivery_date", "custom_data",
	"linked_invoice_id", "linked_requisition_id", "linked_number", "linked_status", "number", "received_number_of_packs",
	"supplied_quantity",
}

// lifeCycle lets statuses only go forward, and a finalised document stay as it is
// (R-D-31, R-D-37).
func lifeCycle(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if _, ok := governed[c.Op.Type]; !ok || c.Old == nil {
		return nil
	}
	was := c.Old.Text("status")
	if c.Op.Verb == atoll.Delete {
		if Rank(was) >= Rank(Finalised) {
			return atoll.Errorf(atoll.LifeCycle, "a %s document cannot be deleted", was).Do("correct it with a return or a new document")
		}
		if c.Old.Has("originating_id") {
			return atoll.Errorf(atoll.LifeCycle, "a document that answers another store's cannot be deleted").
				Do("receive nothing on its lines and finalise it")
		}
		return nil
	}
	if c.Op.Verb == atoll.Restate {
		return nil
	}
	now := c.New.Text("status")
	if Rank(now) < Rank(was) {
		return atoll.Errorf(atoll.LifeCycle, "a %s document cannot become %s again", was, now).On("status").
			Do("statuses only move forward; correct it with a return or a new document")
	}
	if Rank(was) < Rank(Finalised) {
		if c.New.Bool("on_hold", false) && Rank(now) >= Rank(Confirmed) && now != Cancelled && Rank(was) < Rank(Confirmed) {
			return atoll.Errorf(atoll.LifeCycle, "the document is on hold").On("on_hold").Do("take it off hold first")
		}
		return nil
	}
	if now != was {
		return atoll.Errorf(atoll.LifeCycle, "a %s document cannot become %s", was, now).On("status").
			Do("correct it with a return or a new document")
	}
	for _, name := range c.Edited() {
		if !slices.Contains(afterwards, name) {
			return atoll.Errorf(atoll.LifeCycle, "the document is %s; its %s cannot change", was, name).On(name).
				Do("correct it with a return or a new document")
		}
	}
	return nil
}

// oneStore keeps the lines of a document in the document's store: nobody hangs a
// line of his own under a document of another's (R-A-04).
func oneStore(_ *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if c.New == nil || c.Op.Verb == atoll.Update {
		return nil // neither the store nor the document of a line can change
	}
	for kind, g := range governed {
		if g.line != c.Op.Type {
			continue
		}
		doc, there, err := w.Record(atoll.Key{Type: kind, ID: c.New.ID(g.parent)})
		if err != nil || !there {
			return err
		}
		f, err := doc.Fields()
		if err != nil {
			return err
		}
		if own, of := c.New.ID("store_id"), f.ID("store_id"); own != "" && of != "" && own != of {
			return atoll.Errorf(atoll.Ownership, "the line is of store %s, its document of store %s", own, of).On(g.parent).
				Do("make the line in a document of its own store")
		}
	}
	return nil
}

// linesFollow keeps the lines of a finalised document as they are, and those that
// answer another store's lines from being deleted (R-D-28).
func linesFollow(_ *topology.Topology, w admit.World, entry []admit.Change, c admit.Change) error {
	for kind, g := range governed {
		if g.line != c.Op.Type {
			continue
		}
		if c.Op.Verb == atoll.Delete && c.Old.Has("originating_id") {
			return atoll.Errorf(atoll.LifeCycle, "a line that another store sent cannot be deleted").
				Do("record that nothing of it was received")
		}
		if c.Op.Verb == atoll.Restate {
			return nil
		}
		fields := c.New
		if fields == nil {
			fields = c.Old
		}
		status, err := statusBefore(w, entry, atoll.Key{Type: kind, ID: fields.ID(g.parent)})
		if err != nil || Rank(status) < Rank(Finalised) {
			return err
		}
		for _, name := range c.Edited() {
			if c.Op.Verb != atoll.Update || !slices.Contains(afterwards, name) {
				return atoll.Errorf(atoll.LifeCycle, "the document is %s; its lines cannot change", status).
					Do("correct it with a return or a new document")
			}
		}
		if c.Op.Verb == atoll.Delete {
			return atoll.Errorf(atoll.LifeCycle, "the document is %s; its lines cannot be deleted", status)
		}
	}
	return nil
}

// statusBefore is the document's status before the entry.
func statusBefore(w admit.World, entry []admit.Change, key atoll.Key) (string, error) {
	for _, c := range entry {
		if c.Op.Key == key {
			if c.Old == nil {
				return "", nil // made in this very entry
			}
			return c.Old.Text("status"), nil
		}
	}
	r, ok, err := w.Record(key)
	if err != nil || !ok {
		return "", err
	}
	f, err := r.Fields()
	return f.Text("status"), err
}

// partnerVisible lets a transfer begin only towards a store that is visible and
// open (R-D-07, R-C-73). One that has begun goes on whatever happens to the
// visibility (R-D-47), and an answer needs no visibility of its own.
func partnerVisible(t *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.New == nil || c.Def.Partner == "" || c.Op.Verb == atoll.Restate {
		return nil
	}
	partner, own := c.New.ID(c.Def.Partner), c.New.ID(c.Def.Scope)
	if partner == "" || c.New.Has("originating_id") || c.Old.Has(c.Def.Partner) && c.Old.ID(c.Def.Partner) == partner {
		return nil
	}
	st, ok := t.Store(partner)
	if !c.Here && ok && t.WereVisible(own, partner) {
		return nil // the goods left when their site still saw the other store
	}
	if !ok || !t.Visible(own, partner) {
		return atoll.Errorf(atoll.NotVisible, "store %s is not visible to this one", nameOf(st, partner)).On(c.Def.Partner).
			Do("ask the centre to make the two stores visible to each other")
	}
	if st.Disabled {
		return atoll.Errorf(atoll.NotVisible, "store %s is disabled", st.Name).On(c.Def.Partner)
	}
	return nil
}

func nameOf(st topology.Store, id atoll.ID) string {
	if st.Name != "" {
		return st.Name
	}
	return string(id)
}

// neverNegative keeps stock at or above nothing, and what is available at or
// below what is there (R-J-09).
func neverNegative(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.Op.Type != "stock_line" || c.New == nil {
		return nil
	}
	for _, name := range []string{"total_number_of_packs", "available_number_of_packs"} {
		if Sign(c.New.Number(name)) < 0 {
			return atoll.Errorf(atoll.Rule, "stock cannot fall below nothing: %s would be %s", name, c.New.Number(name)).On(name).
				Do("issue no more than there is, or count the stock first")
		}
	}
	return nil
}
