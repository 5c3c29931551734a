package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
)

// link: the initiating half learns the responding half's identity, number and
// status; written by its own site only (R-D-13, R-D-33, R-D-40).
var (
	link            = process.Kind{Name: "link", Type: "invoice", Needs: "originating_id", Answer: learn}
	linkRequisition = process.Kind{Name: "link requisition", Type: "requisition", Needs: "originating_id", Answer: learn}
)

func learn(c process.Case) ([]journal.Proposal, error) {
	initiating := c.Fields.ID("originating_id")
	if initiating == "" || !c.Here(c.Fields.ID("partner_store_id")) {
		return nil, nil
	}
	key := atoll.Key{Type: c.Record.Type, ID: initiating}
	r, err := c.R.Record(key)
	if atoll.CodeOf(err) == atoll.NotFound || r.Deleted {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	own, err := r.Fields()
	if err != nil {
		return nil, err
	}
	if !c.Here(own.ID("store_id")) {
		return nil, nil
	}
	want := atoll.Fields{}.Set("linked_"+string(c.Record.Type)+"_id", c.Record.ID).Set("linked_status", c.Fields.Text("status"))
	if !documents.Unnumbered(c.Fields) {
		want["linked_number"] = c.Fields["number"]
	}
	// A status only moves forward, also when it is learnt late.
	if documents.Rank(own.Text("linked_status")) > documents.Rank(c.Fields.Text("status")) {
		delete(want, "linked_status")
	}
	return []journal.Proposal{{Verb: atoll.Update, Key: key, Fields: want}}, nil
}
