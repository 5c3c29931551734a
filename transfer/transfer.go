// Package transfer is the kinds of records that answer records: the responding
// half of a document addressed to a store that is active here, its number, and
// what either half learns from the other.
//
// The site where the responding store is active makes the responding half,
// whether the other store is here or far away (R-D-10, R-D-16). Ids are derived
// from the initiating half, so that making a half twice is impossible (R-D-12).
// Neither half is ever written by the other's site: each store's site reads the
// other half and writes what it has read into its own (R-D-33, R-D-37, R-D-38).
//
// A new kind of transfer is a half, in a file of its own, and its line in halves.
package transfer

import (
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/process"
)

// All lists every kind, in the order in which they are asked.
var All = gather()

func gather() []process.Kind {
	out := []process.Kind{storeName, numbering(invoices), numbering(requisitions), numbering(receipts), numbering(orders), advise}
	for _, h := range halves {
		out = append(out, h.successor(), h.respondKind())
	}
	for _, h := range halves {
		out = append(out, h.linkKind(), h.park())
		if h.from == invoices {
			out = append(out, h.cancelKind(), h.giveBack())
		}
	}
	out = append(out, received, authorise, prepareMobile, finaliseMobile, receiveMobile, handedOverNow)
	return append(out, tracking...)
}

// desk is where the documents of a case are worked on.
func desk(c process.Case) documents.Desk { return documents.Desk{R: c.R, T: c.T, Now: c.Now} }
