// Package transfer is the kinds of records that answer records: the responding
// half of a document addressed to a store that is active here, its number, and
// what the initiating half learns from it.
//
// The site where the responding store is active makes the responding half,
// whether the other store is here or far away (R-D-10, R-D-16). Ids are derived
// from the initiating half, so that making a half twice is impossible (R-D-12).
//
// A new kind of transfer is one file here and its line in All.
package transfer

import (
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/process"
)

// All lists every kind, in the order in which they are asked.
var All = []process.Kind{
	storeName, numbering, numberingRequisition, shipment, supplierReturn, order, link, linkRequisition,
}

// desk is where the documents of a case are worked on.
func desk(c process.Case) documents.Desk { return documents.Desk{R: c.R, T: c.T, Now: c.Now} }
