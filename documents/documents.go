// Package documents is the life of documents inside a store: what may be done with
// each kind in each status, their numbers, and the stock that moves with them.
//
// One table (life.go) says which step leads from which status to which, and under
// what conditions. Laws, acts and the answer to "what may be done now" (Choices)
// follow from it.
//
// Laws (what may never be) are admit rules, in force at the edit and at the centre
// alike: Rules judge one change, Laws a whole transaction. Acts (Desk.Do, Make,
// Change, Adjust, Repack) turn a wish into proposals for one transaction of the
// journal; they read records and write nothing. An act ends with Desk.Settle, which
// adds the stock that its documents move; whoever writes an act of his own does the
// same.
//
// Stock and document change together: what a transaction changes in stock lines is
// what its documents move (explained.go). Ledger compares the two for all time.
package documents

import (
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// The statuses of a document, in their order (D.4). A cancelled document has
// left the order.
const (
	New       = "new"
	Suggested = "suggested"
	Confirmed = "confirmed"
	Finalised = "finalised"
	Cancelled = "cancelled"
)

// Rank returns the place of a status in the life cycle, 0 for one that is not in
// it.
func Rank(status string) int {
	switch status {
	case New:
		return 1
	case Suggested:
		return 2
	case Confirmed:
		return 3
	case Finalised, Cancelled:
		return 4
	}
	return 0
}

// Kinds of invoice.
const (
	CustomerInvoice    = "customer_invoice"
	SupplierInvoice    = "supplier_invoice"
	CustomerCredit     = "customer_credit"
	SupplierCredit     = "supplier_credit"
	InventoryAddition  = "inventory_addition"
	InventoryReduction = "inventory_reduction"
	Repack             = "repack"
	Build              = "build"
)

// Kinds of requisition.
const (
	Request      = "request"
	Response     = "response"
	Imprest      = "imprest"
	StockHistory = "stock_history"
)

// Rules are the laws of documents and stock.
func Rules() []admit.Rule {
	return []admit.Rule{lifeCycle, oneStore, linesFollow, authorisedFirst, partnerVisible, neverNegative, numbersStay, repeatAtHome, answeredOnce}
}

// Laws are those about a whole transaction.
func Laws() []admit.Law { return []admit.Law{explained} }

// Desk makes proposals from one snapshot or transaction.
type Desk struct {
	R   storage.Reader
	T   *topology.Topology
	Now time.Time
	// Catalogue lets drafts name records by codes and numbers; nil for none of that.
	Catalogue *catalogue.Catalogue
}

// document reads a record and its fields.
func (d Desk) document(key atoll.Key) (atoll.Fields, error) {
	r, err := d.R.Record(key)
	if err != nil || r.Deleted {
		return nil, atoll.Errorf(atoll.NotFound, "there is no such document").About(key)
	}
	return r.Fields()
}

// lines reads the lines of a document, in order of id.
func (d Desk) lines(kind atoll.Type, field string, of atoll.ID) ([]atoll.Record, error) {
	return d.R.Records(storage.Query{Type: kind, Where: map[string]string{field: string(of)}})
}
