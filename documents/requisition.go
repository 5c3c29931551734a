package documents

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

// FinaliseRequisition returns what finalising a requisition changes: its status
// and number and, for a request to a store, the partner by which it becomes a
// response there (R-D-03).
func (d Desk) FinaliseRequisition(id atoll.ID) ([]journal.Proposal, error) {
	key := atoll.Key{Type: "requisition", ID: id}
	req, err := d.document(key)
	if err != nil {
		return nil, err
	}
	if status := req.Text("status"); Rank(status) >= Rank(Finalised) {
		return nil, atoll.Errorf(atoll.LifeCycle, "the document is %s already", status).About(key)
	}
	lines, err := d.lines("requisition_line", "requisition_id", id)
	if err != nil {
		return nil, err
	}
	header := atoll.Fields{}.Set("status", Finalised).Set("finalised_at", stamp(d.Now)).Set("line_count", len(lines))
	partner, err := d.partner(req)
	if err != nil {
		return nil, err
	}
	out := []journal.Proposal{{Verb: atoll.Update, Key: key, Fields: header}}
	if Unnumbered(req) {
		n, p, err := d.Number(req.ID("store_id"), req.Text("kind"))
		if err != nil {
			return nil, err
		}
		header.Set("number", n)
		out = append(out, p)
	}
	if partner == "" || req.Has("partner_store_id") {
		return out, nil
	}
	header.Set("partner_store_id", partner)
	for _, r := range lines {
		out = append(out, journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: atoll.Fields{}.Set("partner_store_id", partner)})
	}
	return out, nil
}
