package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// mobile reports whether the store is active here and this is a mobile site, where
// one person does everything and some documents go on by themselves.
func mobile(c process.Case, store atoll.ID) bool {
	site, ok := c.T.Site(c.Site)
	return ok && site.Kind == topology.Mobile && c.Here(store)
}

// On a mobile site: a customer requisition that came from another store has a
// customer invoice prepared for it at once, which is finalised with it; a customer
// credit that comes in is finalised at once (R-D-30, R-D-41, R-D-42, R-D-88).
var (
	prepareMobile = process.Kind{
		Name: "prepare shipment", Type: requisitions.doc, Lines: requisitions.line, Parent: requisitions.parent,
		Answer: func(c process.Case) ([]journal.Proposal, error) {
			if !answersOrder(c.Fields) || !mobile(c, c.Fields.ID("store_id")) || c.Fields.Number("number") == "-1" ||
				documents.Rank(c.Fields.Text("status")) >= documents.Rank(documents.Finalised) {
				return nil, nil
			}
			if a := c.Fields.Text("approval_status"); documents.Pending(a) || documents.Denied(a) {
				return nil, nil
			}
			made, err := c.R.Records(storage.Query{Type: invoices.doc, Where: map[string]string{"requisition_id": string(c.Record.ID)}, All: true, Limit: 1})
			if err != nil || len(made) > 0 {
				return nil, err
			}
			return prepare(desk(c), c.Record.ID, atoll.DeriveID("prepared shipment", string(c.Record.ID)))
		},
		Wakes: func(c process.Case) ([]atoll.Key, error) {
			if c.Fields.Text("kind") != documents.Response || c.Fields.Text("status") != documents.Finalised || !mobile(c, c.Fields.ID("store_id")) {
				return nil, nil
			}
			made, err := c.R.Records(storage.Query{Type: invoices.doc, Where: map[string]string{"requisition_id": string(c.Record.ID)}})
			var out []atoll.Key
			for _, r := range made {
				out = append(out, r.Key)
			}
			return out, err
		},
	}
	finaliseMobile = process.Kind{
		Name: "finalise with requisition", Type: invoices.doc, Needs: "requisition_id",
		Answer: func(c process.Case) ([]journal.Proposal, error) {
			if c.Fields.Text("kind") != documents.CustomerInvoice || !mobile(c, c.Fields.ID("store_id")) ||
				documents.Rank(c.Fields.Text("status")) >= documents.Rank(documents.Finalised) {
				return nil, nil
			}
			_, f, ok, err := find(c.R, atoll.Key{Type: requisitions.doc, ID: c.Fields.ID("requisition_id")})
			if err != nil || !ok || f.Text("status") != documents.Finalised || !answersOrder(f) {
				return nil, err
			}
			return desk(c).Do(documents.Finalise, c.Record.Key)
		},
	}
	receiveMobile = process.Kind{
		Name: "receive return", Type: invoices.doc, Lines: invoices.line, Parent: invoices.parent, Needs: "originating_id",
		Answer: func(c process.Case) ([]journal.Proposal, error) {
			if c.Fields.Text("kind") != documents.CustomerCredit || c.Fields.Text("status") != documents.New ||
				c.Fields.Number("number") == "-1" || !mobile(c, c.Fields.ID("store_id")) {
				return nil, nil
			}
			return desk(c).Do(documents.Receive, c.Record.Key)
		},
	}
)

// answersOrder reports whether a requisition answers another store's request or
// order.
func answersOrder(f atoll.Fields) bool {
	return f.Text("kind") == documents.Response && (f.Has("originating_id") || f.Has("purchase_order_id"))
}
