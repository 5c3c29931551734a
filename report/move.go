package report

import (
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// sort says what a document did with stock, as far as reports care.
type sort int

// The sorts of movement.
const (
	receipt   sort = iota // from suppliers, or back to them; packed anew, built
	customers             // to customers outside of the system
	patients
	transfers // to other stores of the system
	adjustments
)

// movement is one line of a document that moved stock.
type movement struct {
	sort  sort
	at    time.Time // when it took effect
	item  []byte
	store atoll.ID
	to    atoll.ID // the other store of a transfer
	by    amount   // in units: positive for what came, negative for what went
}

// head is what is kept of a document while its lines are read.
type head struct {
	sort  sort
	at    time.Time
	store atoll.ID
	to    atoll.ID
}

// reading reads rows of documents; their first field is the store.
type reading func(q storage.RowQuery, fn func(storage.Row) error) error

// moving reads every movement since from (zero: since ever) of the stores of the
// answer, and of others what went to those whose own records are not here.
func (d *Desk) moving(a *asked, from time.Time, fn func(movement)) error {
	silent := a.silent()
	takes := func(store, partner atoll.ID) bool {
		_, to := silent[partner]
		return to || a.has(store)
	}
	read := d.R.Rows
	if len(silent) == 0 {
		read = func(q storage.RowQuery, fn func(storage.Row) error) error {
			return d.each(a, q, func(l line) error { return fn(l.Row) })
		}
	}
	heads, err := d.invoices(read, from, takes)
	if err != nil {
		return err
	}
	if err := d.lines(a, "invoice_line", "invoice_id", heads, fn); err != nil {
		return err
	}
	if heads, err = d.prescriptions(read, from, takes); err != nil {
		return err
	}
	return d.lines(a, "prescription_line", "prescription_id", heads, fn)
}

// moved reports whether a document in the status has moved its stock (R-D-27).
func moved(status string) bool { return status == documents.Confirmed || status == documents.Finalised }

func (d *Desk) invoices(read reading, from time.Time, takes func(store, partner atoll.ID) bool) (map[atoll.ID]head, error) {
	heads := map[atoll.ID]head{}
	q := storage.RowQuery{Type: "invoice", Fields: []string{
		"store_id", "kind", "status", "partner_store_id", "name_id", "backdated_at", "confirmed_at", "finalised_at", "created_at",
	}}
	// Names are looked up afterwards: nothing else may be read while rows are.
	named := map[atoll.ID]atoll.ID{}
	err := read(q, func(r storage.Row) error {
		if !moved(r.Text(2)) {
			return nil
		}
		h := head{at: timeOf(r, 5, 6, 7, 8), store: atoll.ID(r.Text(0)), to: atoll.ID(r.Text(3))}
		if before(h, from) || !takes(h.store, h.to) {
			return nil
		}
		switch r.Text(1) {
		case documents.CustomerInvoice, documents.CustomerCredit:
			h.sort = customers
			if h.to != "" {
				h.sort = transfers
			} else if name := atoll.ID(r.Text(4)); name != "" {
				named[r.ID] = name
			}
		case documents.InventoryAddition, documents.InventoryReduction:
			h.sort = adjustments
		}
		heads[r.ID] = h
		return nil
	})
	if err != nil {
		return nil, err
	}
	for id, name := range named {
		kept, err := d.merged.Of(atoll.Key{Type: "name", ID: name})
		if err != nil {
			return nil, err
		}
		if s, ok := d.T.StoreOfName(kept); ok {
			h := heads[id]
			h.sort, h.to = transfers, s.ID
			heads[id] = h
		}
	}
	return heads, d.date("invoice", heads, from)
}

func (d *Desk) prescriptions(read reading, from time.Time, takes func(store, partner atoll.ID) bool) (map[atoll.ID]head, error) {
	heads := map[atoll.ID]head{}
	q := storage.RowQuery{Type: "prescription", Fields: []string{"store_id", "status", "confirmed_at", "finalised_at", "prescription_date", "created_at"}}
	err := read(q, func(r storage.Row) error {
		h := head{sort: patients, at: timeOf(r, 2, 3, 4, 5), store: atoll.ID(r.Text(0))}
		if moved(r.Text(1)) && !before(h, from) && takes(h.store, "") {
			heads[r.ID] = h
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return heads, d.date("prescription", heads, from)
}

// before reports whether the document says that it took effect before the time.
func before(h head, from time.Time) bool { return !h.at.IsZero() && h.at.Before(from) }

// date gives documents that carry no date the best there is: when their id was made,
// else when the entry was that made them what they are. Of neither are some that other
// systems made and another site read in; these stay without one, and are in no period.
func (d *Desk) date(t atoll.Type, heads map[atoll.ID]head, from time.Time) error {
	for id, h := range heads {
		if !h.at.IsZero() {
			continue
		}
		var err error
		if h.at, err = d.made(atoll.Key{Type: t, ID: id}); err != nil {
			return err
		}
		if heads[id] = h; h.at.Before(from) {
			delete(heads, id)
		}
	}
	return nil
}

// made is when the record was made, as far as that is known here; zero when it is not.
func (d *Desk) made(key atoll.Key) (time.Time, error) {
	if at, ok := key.ID.Time(); ok {
		return at, nil
	}
	rec, err := d.R.Record(key)
	if err != nil {
		return time.Time{}, err
	}
	je, err := d.R.Entry(rec.Origin.Site, rec.Origin.Seq)
	if errors.Is(err, atoll.NotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	e, err := atoll.DecodeEntry(je.Content)
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // `atoll check` tells of it
	}
	return e.Time.UTC(), nil
}

// timeOf reads the first of the fields that holds a time or a date.
func timeOf(r storage.Row, fields ...int) time.Time {
	for _, i := range fields {
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if t, err := time.Parse(layout, string(r.Plain(i))); err == nil {
				return t.UTC()
			}
		}
	}
	return time.Time{}
}

// few is up to how many documents are asked for their lines one by one.
const few = 2000

// lines calls fn with what the lines of the documents moved.
func (d *Desk) lines(a *asked, t atoll.Type, parent string, heads map[atoll.ID]head, fn func(movement)) error {
	fields := []string{parent, "kind", "item_id", "number_of_packs", "pack_size"}
	read := func(r storage.Row) error {
		h, ok := heads[atoll.ID(r.Plain(0))]
		if !ok {
			return nil
		}
		m := movement{sort: h.sort, at: h.at, item: r.Plain(2), store: h.store, to: h.to}
		m.by = amountOf(r.Number(3)).times(sizeOf(r.Number(4)))
		switch string(r.Plain(1)) {
		case documents.StockIn:
		case documents.StockOut:
			m.by = amount{}.minus(m.by)
		default:
			return nil
		}
		fn(m)
		return nil
	}
	return linesOf(d, a, storage.RowQuery{Type: t, Fields: fields}, parent, heads, read)
}

// linesOf reads the lines of few documents by the index, of many in one go, or
// those of the item that was asked for; read passes over what is of no document
// among them.
func linesOf[V any](d *Desk, a *asked, q storage.RowQuery, parent string, docs map[atoll.ID]V, read func(storage.Row) error) error {
	if len(docs) > few {
		if byItem, ok := d.byItem(a, q); ok {
			return d.rows(byItem, read)
		}
		return d.R.Rows(q, read)
	}
	for id := range docs {
		if err := d.R.Rows(with(q, parent, id), read); err != nil {
			return err
		}
	}
	return nil
}

// silent returns the stores of the answer whose transactions stay at their site.
func (a *asked) silent() map[atoll.ID]topology.Store {
	out := map[atoll.ID]topology.Store{}
	for _, f := range a.fresh {
		if f.Standing == NoData {
			out[f.Store] = a.stores[f.Store]
		}
	}
	return out
}
