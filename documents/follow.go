package documents

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Follow has the stock of the site's own stores say what their documents say, when the
// site has just been initialised: of stores whose transactions stay at their site, or
// did once. From a dispensary that keeps its transactions to itself the centre has the
// transfers, and the stock lines as they were before them (R-B-92). A site that gets
// back both would have goods again that it sent away, and none of those that came. It
// is done in the transaction in which the site becomes ready, so that nobody works with
// the old stock, and each store has an entry that says why (R-C-94).
//
// It returns how many stock lines changed. What may not stand is left as it is, and
// said: a site is never kept from work by it.
func Follow(tx storage.Tx, door *journal.Door) (lines int, left []error, err error) {
	return follow(tx, door, journal.Initialised, "came in by documents that were lost with the site's database",
		func(s topology.Store) bool { return s.StayedOnce })
}

// SentBack reports whether documents that may have moved stock were sent back to the site,
// since its processors last looked.
func SentBack(r storage.ShelfReader) (is bool, err error) {
	for _, m := range moving {
		if is, err = journal.GivenBack(r, m.doc); err != nil || is {
			break
		}
	}
	return is, err
}

// InLedger reports whether stock is compared with records of the type.
func InLedger(t atoll.Type) bool {
	return t == "stock_line" || slices.ContainsFunc(moving, func(m struct{ line, doc atoll.Type }) bool { return t == m.line || t == m.doc })
}

// FollowSentBack has the stock say what the documents say, as [Follow] does, once all that
// was refused of the site is settled. What a document moved goes back with it, as a rule: but
// where the store's data stayed at the site, or was stated as it is while the document was
// in quarantine, the stock has stood since with what it moved. A site that was spared
// documents cannot tell.
func FollowSentBack(tx storage.Tx, door *journal.Door) (lines int, left []error, err error) {
	since, err := Desk{R: tx}.sparedBefore()
	if err != nil {
		return 0, nil, err
	}
	return follow(tx, door, journal.SentBack, "came in by documents that were sent back",
		func(s topology.Store) bool { return s.StayedOnce || since == "" })
}

func follow(tx storage.Tx, door *journal.Door, cause, lost string, of func(topology.Store) bool) (lines int, left []error, err error) {
	t, err := door.Topology(tx)
	if err != nil {
		return 0, nil, err
	}
	d := Desk{R: tx, T: t, Now: door.Now(), Catalogue: door.Judge.Catalogue}
	for _, id := range t.Active(door.Site) {
		if s, _ := t.Store(id); !of(s) {
			continue
		}
		do, n, err := d.follow(id, lost)
		if err != nil {
			return lines, left, err
		}
		if n == 0 {
			continue
		}
		err = tx.Savepoint(func() error {
			_, err := door.Write(tx, journal.Edit{Actor: "atoll", Cause: atoll.Cause{Kind: cause, Ref: "store/" + string(id)}, Do: do})
			return err
		})
		var no *admit.Refusal
		switch {
		case errors.As(err, &no):
			left = append(left, err)
		case err != nil:
			return lines, left, err
		default:
			lines += n
		}
	}
	return lines, left, nil
}

// follow returns the changes by which the store's stock lines are what its documents
// say, and of how many lines. Lost are the words for what nobody brought in.
func (d Desk) follow(store atoll.ID, lost string) (do []journal.Proposal, lines int, err error) {
	l := newLedger()
	for _, t := range []atoll.Type{"invoice", "prescription"} {
		if _, err := d.post(l, t, store); err != nil {
			return nil, 0, err
		}
	}
	stock, err := d.R.Records(storage.Query{Type: "stock_line", Where: map[string]string{"store_id": string(store)}})
	if err != nil {
		return nil, 0, err
	}
	here := map[atoll.ID]atoll.Fields{}
	for _, r := range stock {
		if here[r.ID], err = r.Fields(); err != nil {
			return nil, 0, err
		}
		if _, moved := l.held[r.ID]; !moved {
			l.held[r.ID] = still
		}
	}
	var unsaid []atoll.Fields
	for _, id := range slices.Sorted(maps.Keys(l.held)) {
		is := here[id]
		of := is
		if is == nil {
			if of, err = d.brought(id); err != nil {
				return nil, 0, err
			}
			if of == nil {
				continue // it was deleted
			}
		}
		says := l.held[id].plus(Movement{cmp.Or(is.Number("opening_number_of_packs"), "0"), "0"})
		if short := Sub(says.Reserved, says.Total); Sign(short) > 0 {
			unsaid = append(unsaid, ofStock(id, of).Set("kind", StockIn).Set("number_of_packs", number(short)).
				Set("moved_at", cmp.Or(l.first(id), atoll.Stamp(d.Now))))
			says.Total = says.Reserved
		}
		if is != nil && heldBy(is).minus(says).none() {
			continue
		}
		p := journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "stock_line", ID: id}, Fields: atoll.Fields{}.
			Set("total_number_of_packs", number(says.Total)).Set("available_number_of_packs", number(Sub(says.Total, says.Reserved)))}
		if is == nil {
			p.Verb, p.Fields = atoll.Insert, newStockLine(of, says.Total).Apply(p.Fields)
		}
		do, lines = append(do, p), lines+1
	}
	if len(unsaid) == 0 {
		return do, lines, nil
	}
	// It came in by what is not here, by a count say, and was sent on since.
	_, more, err := d.adjustment(store, InventoryAddition, atoll.Fields{}.Set("comment", lost), unsaid)
	return append(more, do...), lines, err
}

// brought returns the fields of a document line that names a stock line which is not
// here, the one that brought it if there is one; nil if the stock line was deleted.
func (d Desk) brought(stockLine atoll.ID) (atoll.Fields, error) {
	if _, err := d.R.Record(atoll.Key{Type: "stock_line", ID: stockLine}); !errors.Is(err, atoll.NotFound) {
		return nil, err
	}
	var out atoll.Fields
	for _, m := range moving {
		lines, err := d.R.Records(storage.Query{Type: m.line, Where: map[string]string{"stock_line_id": string(stockLine)}})
		if err != nil {
			return nil, err
		}
		for _, r := range lines {
			f, err := r.Fields()
			if err != nil {
				return nil, err
			}
			if out == nil || f.Text("kind") == StockIn && out.Text("kind") != StockIn {
				out = f
			}
		}
	}
	return out, nil
}

// first is when the stock line first moved, "" if it never did.
func (l ledger) first(id atoll.ID) (at string) {
	for _, m := range l.moved[id] {
		if at == "" || m.at < at {
			at = m.at
		}
	}
	return at
}
