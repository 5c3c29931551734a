// Package report answers questions about stock, its value and its use, over one,
// several or all stores, from one snapshot of one database (R-J-01, R-J-11).
//
// A report is a rule: a function of the rows of a snapshot. It writes nothing and
// asks nobody, so it causes no exchange and runs while others write (R-J-14). The
// same functions run at the centre and at a site, so both answer alike about the
// same records (R-J-08). Merged records are counted as the one that stands for
// them (R-E-21). Quantities and money are exact decimals throughout.
package report

import (
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// Desk asks questions of one snapshot.
type Desk struct {
	R         storage.Reader
	T         *topology.Topology
	Catalogue *catalogue.Catalogue
	Here      atoll.SiteID // whose database this is
	Now       time.Time
	// LastSync tells when what a site has to say was synchronised last, the zero
	// time for never; nil when that is not known here.
	LastSync func(atoll.SiteID) (time.Time, error)
	// LastContact tells when a site last connected; nil where it is not known.
	LastContact func(atoll.SiteID) (time.Time, error)
	// Kept is a copy in memory of what most reports read; nil where there is none.
	Kept *Kept

	merged *survivor.Resolver
	read   int // records of stores, so far
}

// Question is what a report is asked.
type Question struct {
	// Stores are those to be reported on; none means all that can be. A store that
	// cannot be reported on here is refused when it is named, and listed with the
	// reason otherwise.
	Stores []atoll.ID
	// Only are the stores that whoever asks may see; none means all.
	Only []atoll.ID
	Item atoll.ID // only this one; "" for all
	// From and To bound what took effect: from the first moment on, to the last one
	// exclusive. Zero means since ever, and until now.
	From, To time.Time
	By       By
	// WithoutTransfers leaves deliveries to stores of the system out of use and
	// consumption (R-J-04).
	WithoutTransfers bool
}

// By is what stock is added up by.
type By string

// The ways to add up stock.
const (
	ByItem   By = "item"   // each store's stock of an item
	ByBatch  By = "batch"  // … of an item's batch and expiry date
	BySystem By = "system" // an item's stock in all chosen stores together
)

// Kind is what a column holds.
type Kind string

// The kinds of column.
const (
	Text   Kind = "text"
	Number Kind = "number" // an exact decimal
	Date   Kind = "date"   // YYYY-MM-DD
	Time   Kind = "time"   // RFC 3339
	Flag   Kind = "flag"   // "true", or nothing
)

// Column is one column of an answer.
type Column struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`
}

// Table is the answer to a question. Cells are text; "" is an empty cell, and a
// number is written as one.
type Table struct {
	Report string
	Title  string
	At     time.Time // when it was asked
	// Position is how far the database had come. Two answers of one Mark are of the
	// same records.
	Position atoll.Position
	Mark     Mark
	Columns  []Column
	Rows     [][]string
	// Stores says of every store how fresh its part is, or why it has none (R-J-06).
	Stores []Freshness
	// Notes say what a reader must know.
	Notes []string
	// Read is how many records of stores were looked at for it: what it cost.
	Read int
}

// Cell returns a cell by the name of its column, "" if there is none.
func (t *Table) Cell(row int, column string) string {
	for i, c := range t.Columns {
		if c.Name == column && row < len(t.Rows) {
			return t.Rows[row][i]
		}
	}
	return ""
}

// Definition is one report.
type Definition struct {
	Name  string
	Title string
	Words string // what it tells
	// What of a question it heeds besides the stores.
	Item, Period, Transfers bool
	By                      []By // the first when none is asked for
	ask                     func(*Desk, *asked, *Table) error
}

// All are the reports of stores and their stock.
var All = []Definition{
	{Name: "stock", Title: "Stock on hand", Words: "what each store has of each item, by batch and expiry date if asked", Item: true, By: []By{ByItem, ByBatch, BySystem}, ask: stock},
	{Name: "value", Title: "Value of stock", Words: "what the stock of each store is worth, and what is on its way between stores", Item: true, ask: value},
	{Name: "use", Title: "Use of items", Words: "what went out of each store in each month: to customers, to patients, by adjustment, to other stores", Item: true, Period: true, Transfers: true, ask: use},
	{Name: "consumption", Title: "Average monthly consumption", Words: "what each store consumes of each item in a month, and how long its stock will last", Item: true, Period: true, Transfers: true, ask: consumption},
	{Name: "dashboard", Title: "Dashboard", Words: "each store at a glance: items, value, what has expired or soon will", ask: dashboard},
	{Name: "transit", Title: "Transfers under way", Words: "what is on its way between stores, and how far it has come", ask: transit},
	{Name: "exceptions", Title: "Transfer exceptions", Words: "documents for other stores that nobody has answered, and why", ask: exceptions},
	{Name: "differences", Title: "Received otherwise than sent", Words: "lines of shipments of which another quantity arrived", Item: true, ask: differences},
	{Name: "sync", Title: "Sync report", Words: "when each site last connected; overdue after a month (at the centre)", ask: contacts},
	{Name: "ledger", Title: "Ledger check", Words: "stock lines that are not what their documents say", ask: ledger},
}

// Named returns a report of All.
func Named(name string) (Definition, bool) {
	for _, d := range All {
		if d.Name == name {
			return d, true
		}
	}
	return Definition{}, false
}

// Ask answers a question. It fails with atoll.NotFound for an unknown report or
// store, with atoll.NotHere for a store that was named and cannot be reported on
// here, and with atoll.Invalid for a question that makes no sense.
func (d Desk) Ask(name string, q Question) (*Table, error) {
	def, ok := Named(name)
	if !ok {
		return nil, atoll.Errorf(atoll.NotFound, "there is no report %q", name).Do("list them with: atoll report list")
	}
	if err := def.check(&q); err != nil {
		return nil, err
	}
	if q.To.IsZero() {
		q.To = d.Now
	}
	d.merged = survivor.New(d.R, d.Catalogue)
	mark, err := MarkOf(d.R)
	if err != nil {
		return nil, err
	}
	t := &Table{Report: def.Name, Title: def.Title, At: d.Now, Position: mark.Position, Mark: mark, Rows: [][]string{}, Notes: []string{}}
	a, err := d.choose(q)
	if err != nil {
		return nil, err
	}
	t.Stores = a.fresh
	if err := def.ask(&d, a, t); err != nil {
		return nil, err
	}
	t.Read = d.read
	return t, nil
}

func (def Definition) check(q *Question) error {
	if q.By == "" && len(def.By) > 0 {
		q.By = def.By[0]
	}
	fits := q.By == ""
	for _, b := range def.By {
		fits = fits || q.By == b
	}
	switch {
	case !fits:
		return atoll.Errorf(atoll.Invalid, "the report %s cannot be added up by %q", def.Name, q.By).On("by").Do("possible are: %v", def.By)
	case !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To):
		return atoll.Errorf(atoll.Invalid, "the period ends before it begins").On("to")
	case !def.Period && (!q.From.IsZero() || !q.To.IsZero()):
		return atoll.Errorf(atoll.Invalid, "the report %s is of the present; it takes no period", def.Name).On("from")
	case !def.Item && q.Item != "":
		return atoll.Errorf(atoll.Invalid, "the report %s is of all items", def.Name).On("item")
	case !def.Transfers && q.WithoutTransfers:
		return atoll.Errorf(atoll.Invalid, "the report %s has no transfers to leave out", def.Name).On("transfers")
	}
	return nil
}
