package simulate

import (
	"context"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/transfer"
)

// side is one kind of transfer: its initiating documents, and its responding ones.
type side struct {
	name     string // of the kind of transfer
	from, to atoll.Type
	kind, as string
	link     string // the responding field that names the initiating half
	linked   string // the initiating field that names the responding half
}

// sides are all kinds of transfer (D.1).
var sides = []side{
	{"stock transfer", "invoice", "invoice", documents.CustomerInvoice, documents.SupplierInvoice, "originating_id", "linked_invoice_id"},
	{"return", "invoice", "invoice", documents.SupplierCredit, documents.CustomerCredit, "originating_id", "linked_invoice_id"},
	{"goods received", "invoice", "goods_received", documents.CustomerInvoice, "", "originating_id", "linked_goods_received_id"},
	{"order", "requisition", "requisition", documents.Request, documents.Response, "originating_id", "linked_requisition_id"},
	{"purchase order", "purchase_order", "requisition", "", documents.Response, "purchase_order_id", "linked_requisition_id"},
	{"purchase order as invoice", "purchase_order", "invoice", "", documents.CustomerInvoice, "purchase_order_id", "linked_invoice_id"},
}

// begun reports whether a document has begun a transfer.
func begun(r atoll.Record, f atoll.Fields) bool {
	status := f.Text("status")
	if !f.Has("partner_store_id") || f.Has("originating_id") || status == documents.Cancelled {
		return false
	}
	if r.Type == "purchase_order" {
		return documents.Rank(status) >= documents.Rank(documents.Confirmed)
	}
	return status == documents.Finalised &&
		slices.ContainsFunc(sides, func(s side) bool { return s.from == r.Type && s.kind == f.Text("kind") })
}

// owned calls fn with each live record of the types, as the site that its store
// is active on has it.
func owned(nodes map[atoll.SiteID]*holding, centre *holding, fn func(atoll.Record, atoll.Fields), types ...atoll.Type) {
	for site, h := range nodes {
		for key, r := range h.records {
			if r.Deleted || r.Hidden || !slices.Contains(types, key.Type) {
				continue // what was made here and refused is hidden
			}
			fields := r.MustFields()
			if s, ok := centre.topology.Store(fields.ID("store_id")); ok && s.Site == site {
				fn(r, fields)
			}
		}
	}
}

// underWay is what the centre lists of transfers: the reasons of those that are not
// answered, and the initiating halves that were refused, and are answered; of answers
// that stay at their site, as that site lists them.
func (c *checker) underWay(ctx context.Context, nodes map[atoll.SiteID]*holding, centre *holding) (listed map[atoll.ID]transfer.Reason, refused map[atoll.ID]bool, err error) {
	listed, refused = map[atoll.ID]transfer.Reason{}, map[atoll.ID]bool{}
	for _, h := range nodes {
		under, err := h.node.Transfers(ctx, transfer.Filter{Reason: transfer.Refused})
		if err != nil {
			return nil, nil, err
		}
		for _, t := range under {
			if r, ok := h.records[atoll.Key{Type: t.Responding.Type, ID: t.Responding.ID}]; ok && c.stays(centre, r) {
				refused[t.Initiating.ID] = true
			}
		}
	}
	err = c.fleet.Centre.Store.View(ctx, func(r storage.Reader) error {
		under, err := transfer.List(r, centre.topology, c.fleet.Centre.Now(), transfer.Filter{}, nil)
		for _, t := range under {
			if t.Reason == transfer.Refused {
				refused[t.Initiating.ID] = true
				continue
			}
			// An answer that stays at its site is known by the initiating half only.
			f := centre.records[atoll.Key{Type: t.Initiating.Type, ID: t.Initiating.ID}].MustFields()
			known := slices.ContainsFunc(sides, func(s side) bool { return s.from == t.Initiating.Type && f.Has(s.linked) })
			if t.Responding == nil && !known {
				listed[t.Initiating.ID] = t.Reason
			}
		}
		return err
	})
	return listed, refused, err
}

// pairs: each initiating half has exactly one responding half, in the store that
// receives what it is addressed to, and knows of it; or the centre lists it, with
// the reason (R-D-11, R-D-12, R-D-52).
func (c *checker) pairs(ctx context.Context, nodes map[atoll.SiteID]*holding, centre *holding) error {
	listed, refused, err := c.underWay(ctx, nodes, centre)
	if err != nil {
		return err
	}
	answers := map[atoll.ID][]atoll.Record{}
	there := map[atoll.ID]bool{}
	var open []atoll.Record
	owned(nodes, centre, func(r atoll.Record, f atoll.Fields) {
		there[r.ID] = true
		for _, s := range sides {
			if s.to == r.Type && s.as == f.Text("kind") && f.Has(s.link) && (s.name != "purchase order as invoice" || !f.Has("requisition_id")) {
				answers[f.ID(s.link)] = append(answers[f.ID(s.link)], r)
			}
		}
		if begun(r, f) {
			open = append(open, r)
		}
	}, "invoice", "requisition", "purchase_order", "goods_received")
	for _, r := range open {
		if c.apart(r) || c.fleet.Apart[r.MustFields().ID("partner_store_id")] {
			continue
		}
		c.pair(centre, r, answers[r.ID], listed)
	}
	for id, half := range answers {
		for _, r := range half {
			// One that was read in from another system may answer what was not; and one to a
			// document that was refused is listed, unless it was cancelled. One to a document
			// that its site kept to itself outlives that site's disk.
			if !there[id] && !refused[id] && !c.fleet.Gone[id] && r.MustFields().Text("status") != documents.Cancelled && slices.ContainsFunc(sides, func(s side) bool { return r.ID == atoll.DeriveID(s.name, string(id)) }) {
				c.say("paired", "%s answers %s, which is not there", r.Key, id)
			}
		}
	}
	return nil
}

func (c *checker) pair(centre *holding, r atoll.Record, half []atoll.Record, listed map[atoll.ID]transfer.Reason) {
	c.looked["paired"]++
	f := r.MustFields()
	reason, excused := listed[r.ID]
	switch {
	case len(half) == 0 && excused:
		if reason == transfer.Waiting {
			c.say("paired", "%s is listed as unanswered, without a reason", r.Key)
		}
		return
	case len(half) != 1:
		c.say("paired", "%s of store %s has %d responding halves", r.Key, f.ID("store_id"), len(half))
		return
	case excused && c.stays(centre, half[0]):
		// Its site keeps the answer to itself: the centre cannot know of it.
	case excused:
		c.say("paired", "%s is answered, and listed as if it were not", r.Key)
	}
	other := half[0].MustFields()
	i := slices.IndexFunc(sides, func(s side) bool {
		return s.from == r.Type && s.to == half[0].Type && s.kind == f.Text("kind") && s.as == other.Text("kind")
	})
	if sides[i].name == "purchase order as invoice" && !other.Has("partner_store_id") {
		return // it goes to the orderer when it is sent
	}
	heir, _ := centre.topology.Heir(f.ID("partner_store_id"))
	switch {
	case other.ID("store_id") != f.ID("partner_store_id") && other.ID("store_id") != heir.ID || other.ID("partner_store_id") != f.ID("store_id"):
		c.say("paired", "%s is addressed to store %s and answered in %s", r.Key, f.ID("partner_store_id"), other.ID("store_id"))
	case f.ID(sides[i].linked) != half[0].ID || f.Text("linked_status") != other.Text("status") || f.Int("linked_number") != other.Int("number"):
		c.say("paired", "%s does not know how its responding half %s stands", r.Key, half[0].ID)
	case r.Type == "invoice" && f.Text("status") == documents.Finalised && other.Text("status") == documents.Cancelled:
		c.say("paired", "%s is on its way, and %s was given up: nobody has the goods", r.Key, half[0].Key)
	}
}

func or0(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// anywhere reports whether what a node has of the record is so.
func anywhere(nodes map[atoll.SiteID]*holding, key atoll.Key, so func(atoll.Record) bool) bool {
	for _, h := range nodes {
		if r, ok := h.records[key]; ok && so(r) {
			return true
		}
	}
	return false
}

// stays reports whether the record does not leave its site.
func (c *checker) stays(centre *holding, r atoll.Record) bool {
	def, ok := c.fleet.Catalogue.Lookup(r.Type)
	return ok && route.Stays(centre.topology, def, r.MustFields())
}
