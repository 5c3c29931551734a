package documents

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// Directions of a document line. Lines of other kinds move nothing.
const (
	StockIn  = "stock_in"
	StockOut = "stock_out"
)

// hold is what a document in its status does with the stock its lines name.
type hold int

const (
	nothing  hold = iota
	reserves      // set aside: there, and no longer available
	moves         // gone, or come
)

// holdOf says what a document does with stock (R-D-27, R-J-09): from suggested on
// what goes out is set aside, from confirmed on everything has moved. A cancelled
// or deleted document, or one that moves no stock at all, does nothing.
func holdOf(t atoll.Type, header atoll.Fields) hold {
	if !movesStock(t) || header == nil {
		return nothing
	}
	switch header.Text("status") {
	case Suggested:
		return reserves
	case Confirmed, Finalised:
		return moves
	}
	return nothing
}

// movesStock reports whether documents of the type move stock by themselves.
func movesStock(t atoll.Type) bool { return t == "invoice" || t == "prescription" }

// MovedWith reports whether records of the type stand or fall with the stock that a
// transaction changes: the stock itself, and documents and their lines (R-D-27, R-J-09).
func MovedWith(t atoll.Type, ops []atoll.Operation) bool {
	stock := func(op atoll.Operation) bool { return op.Type == "stock_line" }
	_, document := governed[t]
	_, line := parents[t]
	return (document || line || t == "stock_line") && slices.ContainsFunc(ops, stock)
}

// Movement is a change of one stock line, or its state: how many packs are there,
// and how many of them are set aside.
type Movement struct {
	Total    string `json:"total"`
	Reserved string `json:"reserved"`
}

var still = Movement{"0", "0"}

func (m Movement) plus(o Movement) Movement {
	return Movement{Add(m.Total, o.Total), Add(m.Reserved, o.Reserved)}
}

func (m Movement) minus(o Movement) Movement {
	return Movement{Sub(m.Total, o.Total), Sub(m.Reserved, o.Reserved)}
}

func (m Movement) none() bool { return Sign(m.Total) == 0 && Sign(m.Reserved) == 0 }

// movementOf is what one line does to its stock line while its document holds h.
func movementOf(h hold, line atoll.Fields) Movement {
	packs := line.Number("number_of_packs")
	switch kind := line.Text("kind"); {
	case kind == StockOut && h == reserves:
		return Movement{"0", packs}
	case kind == StockOut && h == moves:
		return Movement{Sub("0", packs), "0"}
	case kind == StockIn && h == moves:
		return Movement{packs, "0"}
	}
	return still
}

// edited is one record of a transaction, before and after it; nil where it was not
// there yet, or is no more.
type edited struct {
	key      atoll.Key
	old, new atoll.Fields
}

// papers is where documents are read, as the transaction leaves them.
type papers interface {
	Record(key atoll.Key) (atoll.Record, bool, error)
	Lines(t atoll.Type, field string, of atoll.ID) ([]atoll.Record, error)
}

// lineMove is what a transaction does to a stock line by one document line.
type lineMove struct {
	doc, line atoll.Key
	header    atoll.Fields // after the transaction; nil if it was deleted
	old, new  atoll.Fields // of the line
	stock     atoll.ID     // "" for a line that names none
	by        Movement
	crossed   bool // the document itself began or ceased to move stock
	made      bool // the document is new
}

// lineMoves works out what the transaction's documents do to stock lines, line by
// line, in the order of the transaction: the difference between what each line
// did before and what it does after.
func lineMoves(w papers, all []edited) ([]lineMove, error) {
	type doc struct {
		key   atoll.Key
		head  *edited
		lines []edited
	}
	docs := map[atoll.Key]*doc{}
	var order []*doc
	at := func(key atoll.Key) *doc {
		d, ok := docs[key]
		if !ok {
			d = &doc{key: key}
			docs[key] = d
			order = append(order, d)
		}
		return d
	}
	for i := range all {
		e := all[i]
		if movesStock(e.key.Type) {
			at(e.key).head = &all[i]
			continue
		}
		t, g, ok := parentOf(e.key.Type)
		if !ok || !movesStock(t) {
			continue
		}
		f := e.new
		if f == nil {
			f = e.old
		}
		d := at(atoll.Key{Type: t, ID: f.ID(g.parent)})
		d.lines = append(d.lines, e)
	}
	var out []lineMove
	for _, d := range order {
		var before, after atoll.Fields
		if d.head != nil {
			before, after = d.head.old, d.head.new
		} else {
			r, there, err := w.Record(d.key)
			if err != nil {
				return nil, err
			}
			if !there || r.Deleted {
				continue
			}
			if before, err = r.Fields(); err != nil {
				return nil, err
			}
			after = before
		}
		was, is := holdOf(d.key.Type, before), holdOf(d.key.Type, after)
		if was == nothing && is == nothing {
			continue
		}
		lines := d.lines
		if was != is {
			rest, err := unchanged(w, d.key, lines)
			if err != nil {
				return nil, err
			}
			lines = append(slices.Clone(lines), rest...)
		}
		for _, l := range lines {
			m := lineMove{doc: d.key, line: l.key, header: after, old: l.old, new: l.new, crossed: was != is, made: before == nil}
			from, to := still, still
			if l.old != nil && was != nothing {
				from = movementOf(was, l.old)
			}
			if l.new != nil && is != nothing {
				to = movementOf(is, l.new)
			}
			source, target := l.old.ID("stock_line_id"), l.new.ID("stock_line_id")
			if source == target {
				m.stock, m.by = target, to.minus(from)
				out = append(out, m)
				continue
			}
			if !from.none() {
				back := m
				back.stock, back.by = source, still.minus(from)
				out = append(out, back)
			}
			m.stock, m.by = target, to
			out = append(out, m)
		}
	}
	return out, nil
}

// unchanged returns the lines of the document that the transaction leaves alone.
func unchanged(w papers, doc atoll.Key, changed []edited) ([]edited, error) {
	g := governed[doc.Type]
	recs, err := w.Lines(g.line, g.parent, doc.ID)
	if err != nil {
		return nil, err
	}
	known := make(map[atoll.ID]bool, len(changed))
	for _, c := range changed {
		known[c.key.ID] = true
	}
	var out []edited
	for _, r := range recs {
		if known[r.ID] || r.Deleted {
			continue
		}
		f, err := r.Fields()
		if err != nil {
			return nil, err
		}
		out = append(out, edited{r.Key, f, f})
	}
	return out, nil
}

// totals adds up the movements of each stock line; the ids are in order.
func totals(moves []lineMove) (map[atoll.ID]Movement, []atoll.ID) {
	out := map[atoll.ID]Movement{}
	for _, m := range moves {
		if m.stock == "" {
			continue
		}
		sum, ok := out[m.stock]
		if !ok {
			sum = still
		}
		out[m.stock] = sum.plus(m.by)
	}
	ids := make([]atoll.ID, 0, len(out))
	for id := range out {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b atoll.ID) int { return strings.Compare(string(a), string(b)) })
	return out, ids
}

// heldBy is what a stock line's own fields say.
func heldBy(stock atoll.Fields) Movement {
	if stock == nil {
		return still
	}
	total := stock.Number("total_number_of_packs")
	return Movement{total, Sub(total, stock.Number("available_number_of_packs"))}
}
