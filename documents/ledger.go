package documents

import (
	"cmp"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// StockState is one stock line for the ledger check.
type StockState struct {
	ID     atoll.ID
	Fields atoll.Fields
	// Opening is what there was before the documents that are looked at; "" is what the
	// stock line itself says of it.
	Opening string
}

// Posting is one document line that names, or names not, a stock line.
type Posting struct {
	Type   atoll.Type // of the document
	Header atoll.Fields
	Line   atoll.Fields
}

// Discrepancy is a stock line whose own numbers are not what its documents say.
type Discrepancy struct {
	StockLine atoll.ID `json:"stock_line"`
	Store     atoll.ID `json:"store"`
	Item      atoll.ID `json:"item"`
	Batch     string   `json:"batch,omitempty"`
	Total     string   `json:"total"`    // as the stock line says
	Reserved  string   `json:"reserved"` // as the stock line says: total less available
	// Ledger is what the documents say.
	Ledger Movement `json:"ledger"`
	// Off is how much the stock line has more than the documents say.
	Off Movement `json:"off"`
	// Lowest is the lowest the balance ever was, in the order in which the documents
	// took effect, when it was below nothing; "" otherwise.
	Lowest string `json:"lowest,omitempty"`
}

// Wrong reports whether the numbers differ now. Otherwise only the order in which
// documents took effect is odd, which is by the clocks of machines.
func (d Discrepancy) Wrong() bool { return !d.Off.none() }

// Ledger compares stock lines with the documents of their stores (R-J-09): the
// opening and everything that moved must be what is there, what is set aside must
// be what suggested documents hold, and the balance must never have been below
// nothing. It returns the lines that differ, in order of id, and changes nothing.
func Ledger(stock []StockState, postings []Posting) []Discrepancy {
	l := newLedger()
	for _, p := range postings {
		l.post(holdOf(p.Type, p.Header), effective(p.Header), p.Line)
	}
	return l.compare(stock)
}

// ledger is what documents say about stock lines: what is held of each, and when it
// moved.
type ledger struct {
	held  map[atoll.ID]Movement
	moved map[atoll.ID][]moved
	// since is the moment from which all that moved is here, "" for ever: what the
	// balance was before it nobody can tell.
	since string
}

func newLedger() ledger {
	return ledger{held: map[atoll.ID]Movement{}, moved: map[atoll.ID][]moved{}}
}

// moved is one change of a stock line's balance.
type moved struct{ at, by string }

// post counts one line of a document that holds h, and took effect at a moment.
func (l ledger) post(h hold, at string, line atoll.Fields) {
	id := line.ID("stock_line_id")
	m := movementOf(h, line)
	if id == "" || m.none() {
		return
	}
	sum, ok := l.held[id]
	if !ok {
		sum = still
	}
	l.held[id] = sum.plus(m)
	if Sign(m.Total) == 0 {
		return
	}
	l.moved[id] = append(l.moved[id], moved{when(at, line), m.Total})
}

// compare returns the stock lines that are not what was posted.
func (l ledger) compare(stock []StockState) (out []Discrepancy) {
	for _, s := range stock {
		is := heldBy(s.Fields)
		opening := cmp.Or(s.Opening, s.Fields.Number("opening_number_of_packs"))
		ledger := Movement{opening, "0"}
		if m, ok := l.held[s.ID]; ok {
			ledger = ledger.plus(m)
		}
		all := l.moved[s.ID]
		// Within one moment what comes in is counted first: the order of two documents of
		// the same second is not known.
		slices.SortStableFunc(all, func(a, b moved) int {
			if c := strings.Compare(a.at, b.at); c != 0 {
				return c
			}
			return Compare(b.by, a.by)
		})
		balance, lowest := opening, "0"
		for _, e := range all {
			if balance = Add(balance, e.by); e.at >= l.since && Compare(balance, lowest) < 0 {
				lowest = balance
			}
		}
		if Compare(is.Total, lowest) < 0 {
			lowest = is.Total // it began there
		}
		off := is.minus(ledger)
		if off.none() && Sign(lowest) == 0 {
			continue
		}
		d := Discrepancy{
			StockLine: s.ID, Store: s.Fields.ID("store_id"), Item: s.Fields.ID("item_id"), Batch: s.Fields.Text("batch"),
			Total: is.Total, Reserved: is.Reserved, Ledger: ledger, Off: off,
		}
		if Sign(lowest) < 0 {
			d.Lowest = lowest
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Discrepancy) int { return strings.Compare(string(a.StockLine), string(b.StockLine)) })
	return out
}

// dates are the fields that say when a document took effect, the first that is there.
// Documents of other systems may lack some.
var dates = []string{"backdated_at", "confirmed_at", "finalised_at", "created_at"}

// effective is when a document took effect.
func effective(header atoll.Fields) string {
	for _, name := range dates {
		if header.Has(name) {
			return header.Text(name)
		}
	}
	return ""
}

// when is the moment at which a line of a document moved its stock: that of the
// document, unless the line has a later one of its own.
func when(document string, line atoll.Fields) string {
	if line.Has("moved_at") {
		return line.Text("moved_at")
	}
	return document
}

// Examination is the outcome of a ledger check.
type Examination struct {
	Lines       int           `json:"lines"`    // stock lines that were looked at
	Postings    int           `json:"postings"` // document lines that were counted
	Differences []Discrepancy `json:"differences"`
	// Passed are the stores with stock here that was not looked at: not all of what
	// moved it is here.
	Passed []atoll.ID `json:"passed,omitempty"`
	// Spared is set at a site that was spared documents that were settled before it
	// (R-H-26). What was in stock before the others is worked out there, so that a wrong
	// total shows at the central server only.
	Spared string `json:"spared,omitempty"`
}

// CheckStock examines the stock of a store against its documents, or of every
// store here if store is "", from one snapshot of the site's database (R-J-09). It
// looks at the stores of which all is here.
func (d Desk) CheckStock(here atoll.SiteID, store atoll.ID) (Examination, error) {
	q := storage.Query{Type: "stock_line"}
	if store != "" {
		q.Where = map[string]string{"store_id": string(store)}
	}
	recs, err := d.R.Records(q)
	if err != nil {
		return Examination{}, err
	}
	stock := make([]StockState, 0, len(recs))
	var passed []atoll.ID
	for _, r := range recs {
		f, err := r.Fields()
		if err != nil {
			return Examination{}, err
		}
		if of := f.ID("store_id"); !whole(d.T, here, of) {
			if !slices.Contains(passed, of) {
				passed = append(passed, of)
			}
			continue
		}
		stock = append(stock, StockState{ID: r.ID, Fields: f})
	}
	l, posted := newLedger(), 0
	if l.since, err = d.sparedBefore(); err != nil {
		return Examination{}, err
	}
	for _, t := range []atoll.Type{"invoice", "prescription"} {
		n, err := d.post(l, t, store)
		if err != nil {
			return Examination{}, err
		}
		posted += n
	}
	for i, s := range stock {
		if m := l.held[s.ID]; l.since != "" {
			stock[i].Opening = Sub(heldBy(s.Fields).Total, cmp.Or(m.Total, "0"))
		}
	}
	diff := l.compare(stock)
	if diff == nil {
		diff = []Discrepancy{}
	}
	slices.Sort(passed)
	return Examination{Lines: len(stock), Postings: posted, Differences: diff, Passed: passed, Spared: l.since}, nil
}

// whole reports whether the site has all of the store's stock and of what moved it: the
// store is active there, or the site has a copy that is kept up. Of a dispensary whose
// transactions stay at their site others have its transfers, and stock lines from
// before, which do not follow from each other (R-B-92).
func whole(t *topology.Topology, here atoll.SiteID, store atoll.ID) bool {
	s, _ := t.Store(store)
	switch t.Instance(store, here).Type {
	case topology.Active:
		return true
	case topology.Collector:
		return !s.Excluded
	default:
		return false
	}
}

// post counts the lines of all documents of the type that hold or move stock, and
// returns how many there are. A site may have more of them than memory: of each
// document and line only what counts is kept.
func (d Desk) post(l ledger, t atoll.Type, store atoll.ID) (lines int, err error) {
	g := governed[t]
	q := storage.RowQuery{Type: t, Fields: append([]string{"status"}, dates...)}
	if store != "" {
		q.Where = map[string]string{"store_id": string(store)}
	}
	type paper struct {
		hold hold
		at   string
	}
	papers := map[atoll.ID]paper{}
	err = d.R.Rows(q, func(r storage.Row) error {
		header := fieldsOf(q.Fields, r)
		if h := holdOf(t, header); h != nothing {
			papers[r.ID] = paper{h, effective(header)}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	of := storage.RowQuery{Type: g.line, Fields: []string{g.parent, "stock_line_id", "kind", "number_of_packs", "moved_at"}}
	err = d.R.Rows(of, func(r storage.Row) error {
		if p, ok := papers[atoll.ID(r.Bytes(0))]; ok && r.Values[1] != nil {
			lines++
			l.post(p.hold, p.at, fieldsOf(of.Fields, r))
		}
		return nil
	})
	return lines, err
}

// fieldsOf are a row's values by name. Like the row's they are valid until its
// reader returns.
func fieldsOf(names []string, r storage.Row) atoll.Fields {
	f := make(atoll.Fields, len(names))
	for i, name := range names {
		if r.Values[i] != nil {
			f[name] = r.Values[i]
		}
	}
	return f
}
