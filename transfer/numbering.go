package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
)

// numbering: a document with number -1 gets the next number of its own kind and
// store, at the site where the store is active (R-D-14). -1 comes from partners
// that make responding halves elsewhere; it is never shown as a number.
var (
	numbering            = process.Kind{Name: "numbering", Type: "invoice", Answer: number}
	numberingRequisition = process.Kind{Name: "numbering requisition", Type: "requisition", Answer: number}
)

func number(c process.Case) ([]journal.Proposal, error) {
	if c.Fields.Number("number") != "-1" || !c.Here(c.Fields.ID("store_id")) {
		return nil, nil
	}
	n, sequence, err := desk(c).Number(c.Fields.ID("store_id"), c.Fields.Text("kind"))
	if err != nil {
		return nil, err
	}
	return []journal.Proposal{
		{Verb: atoll.Update, Key: c.Record.Key, Fields: atoll.Fields{}.Set("number", n)},
		sequence,
	}, nil
}
