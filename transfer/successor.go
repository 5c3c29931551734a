package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/topology"
)

// handOverKind marks messages by which the centre hands a document over to the
// successor of the store it was for (R-D-48).
const handOverKind = "transfer_hand_over"

// handOver is the message that hands the document over to the store.
func handOver(c process.Case, document atoll.Key, heir topology.Store) journal.Proposal {
	return journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "message", ID: atoll.DeriveID("message", handOverKind, string(document.ID), string(heir.ID))},
		Fields: atoll.Fields{}.Set("to_store_id", heir.ID).Set("kind", handOverKind).Set("status", "new").
			Set("subject_type", string(document.Type)).Set("subject_id", string(document.ID)).Set("created_at", atoll.Stamp(c.Now)),
	}
}

// handedOver reports whether the store may answer the document: it is addressed to
// it, or was handed over. The successor's site does not know what the closed store
// has answered; the centre does, so the centre says.
func handedOver(c process.Case, store topology.Store) (bool, error) {
	if c.Fields.ID("partner_store_id") == store.ID {
		return true, nil
	}
	return c.Exists(handOver(c, c.Record.Key, store).Key)
}

// successor hands over, at the centre, what is on its way to a closed store and was
// not answered by it.
func (h *half) successor() process.Kind {
	return process.Kind{Name: "hand over " + h.name, Type: h.from.doc, Needs: "partner_store_id", Answer: func(c process.Case) ([]journal.Proposal, error) {
		if c.Site != c.T.Centre() {
			return nil, nil
		}
		heir, ok := c.T.Heir(c.Fields.ID("partner_store_id"))
		if !ok || heir.ID == c.Fields.ID("partner_store_id") {
			return nil, nil
		}
		if begun, err := h.begun(c); err != nil || !begun {
			return nil, err
		}
		if done, err := h.answered(c); err != nil || done.ID != "" {
			return nil, err
		}
		return once(c, handOver(c, c.Record.Key, heir))
	}}
}

// handedOverNow asks about the document that a message hands over.
var handedOverNow = process.Kind{Name: "handed over", Type: "message", Wakes: func(c process.Case) ([]atoll.Key, error) {
	if c.Fields.Text("kind") != handOverKind {
		return nil, nil
	}
	return []atoll.Key{{Type: atoll.Type(c.Fields.Text("subject_type")), ID: c.Fields.ID("subject_id")}}, nil
}}
