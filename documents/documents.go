// Package documents is the life of documents inside a store: their statuses and
// what may change in each, their numbers, and the stock that moves with them.
//
// Laws (what may never be) are admit rules, in force at the edit and at the
// centre alike. Acts (finalise, receive, adjust) turn a wish into proposals for
// one transaction of the journal; they read records and write nothing.
package documents

import (
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
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
)

// Kinds of requisition.
const (
	Request  = "request"
	Response = "response"
)

// Rules are the laws of documents and stock.
func Rules() []admit.Rule {
	return []admit.Rule{lifeCycle, oneStore, linesFollow, partnerVisible, neverNegative, repeatAtHome}
}

// Desk makes proposals from one snapshot or transaction.
type Desk struct {
	R   storage.Reader
	T   *topology.Topology
	Now time.Time
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

// stamp is a time as documents hold it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// SequenceID is the identity of a store's number sequence.
func SequenceID(store atoll.ID, key string) atoll.ID {
	return atoll.DeriveID("number_sequence", string(store), key)
}

// Number takes the next number of a store's sequence (R-B-111, R-D-14): it
// returns the number and the proposal that moves the sequence on. Two numbers of
// one sequence in one transaction need Numbers.
func (d Desk) Number(store atoll.ID, key string) (int64, journal.Proposal, error) {
	id := atoll.Key{Type: "number_sequence", ID: SequenceID(store, key)}
	r, err := d.R.Record(id)
	if atoll.CodeOf(err) == atoll.NotFound {
		return 1, journal.Proposal{Verb: atoll.Insert, Key: id, Fields: atoll.Fields{}.
			Set("store_id", store).Set("key", key).Set("last", 1)}, nil
	}
	if err != nil {
		return 0, journal.Proposal{}, err
	}
	f, err := r.Fields()
	if err != nil {
		return 0, journal.Proposal{}, err
	}
	next := f.Int("last") + 1
	return next, journal.Proposal{Verb: atoll.Update, Key: id, Fields: atoll.Fields{}.Set("last", next)}, nil
}

// Unnumbered reports whether a document waits for its number: it has none, or -1
// (R-D-14).
func Unnumbered(f atoll.Fields) bool {
	n, err := strconv.ParseInt(f.Number("number"), 10, 64)
	return err != nil || n <= 0
}
