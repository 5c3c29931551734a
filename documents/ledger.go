package documents

import (
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
	// took effect, when it fell below nothing; "" otherwise.
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
	type event struct{ at, by string }
	held := map[atoll.ID]Movement{}
	events := map[atoll.ID][]event{}
	for _, p := range postings {
		id := p.Line.ID("stock_line_id")
		m := movementOf(holdOf(p.Type, p.Header), p.Line)
		if id == "" || m.none() {
			continue
		}
		sum, ok := held[id]
		if !ok {
			sum = still
		}
		held[id] = sum.plus(m)
		if Sign(m.Total) != 0 {
			events[id] = append(events[id], event{effective(p.Header, p.Line), m.Total})
		}
	}
	var out []Discrepancy
	for _, s := range stock {
		is := heldBy(s.Fields)
		opening := s.Fields.Number("opening_number_of_packs")
		ledger := Movement{opening, "0"}
		if m, ok := held[s.ID]; ok {
			ledger = ledger.plus(m)
		}
		all := events[s.ID]
		// Within one moment what comes in is counted first: the order of two documents of
		// the same second is not known.
		slices.SortStableFunc(all, func(a, b event) int {
			if c := strings.Compare(a.at, b.at); c != 0 {
				return c
			}
			return Compare(b.by, a.by)
		})
		balance, lowest := opening, "0"
		for _, e := range all {
			if balance = Add(balance, e.by); Compare(balance, lowest) < 0 {
				lowest = balance
			}
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

// effective is when a line moved its stock: later than its document took effect if
// it says so. Documents of other systems may lack one time or the other.
func effective(header, line atoll.Fields) string {
	names := []string{"confirmed_at", "finalised_at", "created_at"}
	if line.Has("moved_at") {
		return line.Text("moved_at")
	}
	if header.Has("backdated_at") {
		return header.Text("backdated_at")
	}
	for _, name := range names {
		if header.Has(name) {
			return header.Text(name)
		}
	}
	return ""
}

// Examination is the outcome of a ledger check.
type Examination struct {
	Lines       int           `json:"lines"`    // stock lines that were looked at
	Postings    int           `json:"postings"` // document lines that were counted
	Differences []Discrepancy `json:"differences"`
	// Passed are the stores with stock here that was not looked at: not all of what
	// moved it is here.
	Passed []atoll.ID `json:"passed,omitempty"`
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
		stock = append(stock, StockState{r.ID, f})
	}
	var postings []Posting
	for _, t := range []atoll.Type{"invoice", "prescription"} {
		more, err := d.postings(t, store)
		if err != nil {
			return Examination{}, err
		}
		postings = append(postings, more...)
	}
	diff := Ledger(stock, postings)
	if diff == nil {
		diff = []Discrepancy{}
	}
	slices.Sort(passed)
	return Examination{Lines: len(stock), Postings: len(postings), Differences: diff, Passed: passed}, nil
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

// postings are the lines of all documents of the type that hold or move stock.
func (d Desk) postings(t atoll.Type, store atoll.ID) ([]Posting, error) {
	g := governed[t]
	q := storage.Query{Type: t}
	if store != "" {
		q.Where = map[string]string{"store_id": string(store)}
	}
	docs, err := d.R.Records(q)
	if err != nil {
		return nil, err
	}
	headers := make(map[atoll.ID]atoll.Fields, len(docs))
	for _, r := range docs {
		f, err := r.Fields()
		if err != nil {
			return nil, err
		}
		if holdOf(t, f) != nothing {
			headers[r.ID] = f
		}
	}
	lines, err := d.R.Records(storage.Query{Type: g.line})
	if err != nil {
		return nil, err
	}
	var out []Posting
	for _, r := range lines {
		f, err := r.Fields()
		if err != nil {
			return nil, err
		}
		if header := headers[f.ID(g.parent)]; header != nil && f.Has("stock_line_id") {
			out = append(out, Posting{t, header, f})
		}
	}
	return out, nil
}
