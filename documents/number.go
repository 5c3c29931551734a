package documents

import (
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// SequenceID is the identity of a store's number sequence.
func SequenceID(store atoll.ID, key string) atoll.ID {
	return atoll.DeriveID("number_sequence", string(store), key)
}

// sequenceOf is the sequence that a document's number is from: each kind has its
// own (R-B-111).
func sequenceOf(t atoll.Type, f atoll.Fields) string {
	if kind := f.Text("kind"); kind != "" {
		return kind
	}
	return string(t)
}

// numbered is where documents of a sequence are found.
func numbered(key string) storage.Query {
	switch key {
	case CustomerInvoice, SupplierInvoice, CustomerCredit, SupplierCredit, InventoryAddition, InventoryReduction, Repack, Build:
		return storage.Query{Type: "invoice", Where: map[string]string{"kind": key}}
	case Request, Response, Imprest, StockHistory:
		return storage.Query{Type: "requisition", Where: map[string]string{"kind": key}}
	case "payment", "receipt":
		return storage.Query{Type: "payment", Where: map[string]string{"kind": key}}
	case "prescription", "stocktake", "purchase_order", "goods_received":
		return storage.Query{Type: atoll.Type(key), Where: map[string]string{}}
	}
	return storage.Query{}
}

// Number takes the next number of a store's sequence (R-B-111, R-D-14): it
// returns the number and the proposal that moves the sequence on. A number that a
// document of the store has already, as imported ones may, is passed over. It is
// given with the act that makes a document effective, in the same transaction, so
// a draft that is thrown away leaves no gap. Two numbers of one sequence in one
// transaction are not possible.
func (d Desk) Number(store atoll.ID, key string) (int64, journal.Proposal, error) {
	id := atoll.Key{Type: "number_sequence", ID: SequenceID(store, key)}
	p := journal.Proposal{Verb: atoll.Update, Key: id}
	next := int64(1)
	r, err := d.R.Record(id)
	switch {
	case atoll.CodeOf(err) == atoll.NotFound:
		p.Verb = atoll.Insert
	case err != nil:
		return 0, p, err
	default:
		f, err := r.Fields()
		if err != nil {
			return 0, p, err
		}
		next = f.Int("last") + 1
	}
	for ; ; next++ {
		taken, err := d.taken(store, key, next)
		if err != nil {
			return 0, p, err
		}
		if !taken {
			break
		}
	}
	p.Fields = atoll.Fields{}.Set("last", next)
	if p.Verb == atoll.Insert {
		p.Fields.Set("store_id", store).Set("key", key)
	}
	return next, p, nil
}

// taken reports whether a document of the store has the number.
func (d Desk) taken(store atoll.ID, key string, number int64) (bool, error) {
	q := numbered(key)
	if q.Type == "" {
		return false, nil
	}
	q.Where["store_id"], q.Where["number"], q.Limit = string(store), strconv.FormatInt(number, 10), 1
	docs, err := d.R.Records(q)
	return len(docs) > 0, err
}

// NumberAgain is for a document that is made again as it was: where another has been given
// its number since, it returns the next one of the sequence, and the proposal that moves
// that on. It returns 0 where the document keeps its own (R-B-111).
func (d Desk) NumberAgain(t atoll.Type, f atoll.Fields) (int64, journal.Proposal, error) {
	store, key, own := f.ID("store_id"), sequenceOf(t, f), f.Int("number")
	if own <= 0 {
		return 0, journal.Proposal{}, nil
	}
	if taken, err := d.taken(store, key, own); err != nil || !taken {
		return 0, journal.Proposal{}, err
	}
	return d.Number(store, key)
}

// CentralSequence is the identity of the sequence that numbers what the primary
// enters for stores: one for all of them.
func CentralSequence(key string) atoll.Key {
	return atoll.Key{Type: "central_sequence", ID: atoll.DeriveID("central_sequence", key)}
}

// numberOf takes the next number for the document: from its store's sequence, or
// from the primary's own when the primary entered it for a store elsewhere, whose
// sequence is not the primary's to move (R-D-70).
func (d Desk) numberOf(f atoll.Fields, key string) (int64, journal.Proposal, error) {
	store, _ := d.T.Store(f.ID("store_id"))
	if by := atoll.SiteID(f.Int("owning_site")); by <= 0 || by == store.Site {
		return d.Number(store.ID, key)
	}
	p := journal.Proposal{Verb: atoll.Update, Key: CentralSequence(key)}
	r, err := d.R.Record(p.Key)
	if atoll.CodeOf(err) == atoll.NotFound {
		p.Verb, p.Fields = atoll.Insert, atoll.Fields{}.Set("key", key).Set("last", 1)
		return 1, p, nil
	}
	if err != nil {
		return 0, p, err
	}
	next := r.MustFields().Int("last") + 1
	p.Fields = atoll.Fields{}.Set("last", next)
	return next, p, nil
}

// Unnumbered reports whether a document waits for its number: it has none, or -1
// (R-D-14).
func Unnumbered(f atoll.Fields) bool {
	n, err := strconv.ParseInt(f.Number("number"), 10, 64)
	return err != nil || n <= 0
}

// numbersStay keeps a document's number once it has one, and a sequence from going
// back: no number is given twice (R-B-111).
func numbersStay(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.Op.Verb != atoll.Update || !c.Here {
		return nil
	}
	if (c.Op.Type == "number_sequence" || c.Op.Type == "central_sequence") && Compare(c.New.Number("last"), c.Old.Number("last")) < 0 {
		return atoll.Errorf(atoll.Rule, "number %s was given already; a sequence does not go back", c.Old.Number("last")).On("last").
			Because("number.back", "number", c.Old.Number("last"))
	}
	if _, ok := governed[c.Op.Type]; ok && !Unnumbered(c.Old) && c.Old.Number("number") != c.New.Number("number") {
		return atoll.Errorf(atoll.Rule, "the document has number %s; a number does not change", c.Old.Number("number")).On("number").
			Because("number.fixed", "number", c.Old.Number("number"))
	}
	return nil
}
