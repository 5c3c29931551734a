package documents

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// explained is the law of the ledger (R-D-27, R-J-09): what a transaction changes
// in stock is what its documents move, no more and no less. A status that moves
// stock comes with the stock, and stock changes only with a document that says
// why; a new stock line says what there was before its first document.
//
// Of an entry that arrives, only what it shows itself is judged: documents that
// take effect in it, with all their lines, against the stock lines it changes.
// Older programs made entries that change one without the other; the ledger check
// tells of them.
func explained(_ *topology.Topology, w admit.World, entry []admit.Change) (atoll.Key, error) {
	if len(entry) == 0 || entry[0].Imported {
		return atoll.Key{}, nil
	}
	here := entry[0].Here
	var all []edited
	stock := map[atoll.ID]admit.Change{}
	for _, c := range entry {
		if c.Op.Verb == atoll.Restate {
			continue
		}
		if c.Op.Type == "stock_line" {
			stock[c.Op.ID] = c
			continue
		}
		all = append(all, edited{c.Op.Key, c.Old, c.New})
	}
	moves, err := lineMoves(w, all)
	if err != nil {
		return atoll.Key{}, err
	}
	if !here {
		moves, err = shown(w, moves)
		if err != nil {
			return atoll.Key{}, err
		}
	}
	sums, ids := totals(moves)
	if here {
		for _, m := range moves {
			if key, err := sound(w, m); err != nil {
				return key, err
			}
		}
		if key, err := conserved(moves); err != nil {
			return key, err
		}
		for id, c := range stock {
			if _, moved := sums[id]; !moved {
				if err := unmoved(c); err != nil {
					return c.Op.Key, err
				}
			}
		}
	}
	for _, id := range ids {
		c, changed := stock[id]
		if !changed {
			if here && !sums[id].none() {
				return incomplete(moves, id)
			}
			continue
		}
		if err := matches(c, sums[id]); err != nil {
			return c.Op.Key, err
		}
	}
	return atoll.Key{}, nil
}

// unmoved refuses a change of stock that no document of the transaction explains.
func unmoved(c admit.Change) error { return matches(c, still) }

// matches compares what a stock line's change does with what documents say.
func matches(c admit.Change, by Movement) error {
	did := heldBy(c.New).minus(heldBy(c.Old))
	if c.Op.Verb == atoll.Insert {
		did.Total = Sub(did.Total, c.New.Number("opening_number_of_packs"))
	}
	if c.Here && c.Old != nil && c.New != nil && Compare(c.Old.Number("pack_size"), c.New.Number("pack_size")) != 0 {
		return atoll.Errorf(atoll.Rule, "the pack size of a stock line does not change").On("pack_size").Do("repack it: atoll repack").
			Because("stock.pack_size")
	}
	if did.minus(by).none() {
		return nil
	}
	what, field := "in total", "total_number_of_packs"
	is, should := did.Total, by.Total
	if Compare(is, should) == 0 {
		what, field, is, should = "set aside", "available_number_of_packs", did.Reserved, by.Reserved
	}
	if by.none() {
		return atoll.Errorf(atoll.Rule, "stock changes by %s packs %s, and no document says why", is, what).On(field).
			Do("adjust it with a reason (atoll stock adjust), count it (atoll stocktake), or act on the document that moves it").
			Because("stock.unexplained", "packs", is)
	}
	return atoll.Errorf(atoll.Rule, "stock changes by %s packs %s; the documents of the transaction move %s", is, what, should).On(field).
		Do("let the act on the document move the stock: it changes both").Because("stock.otherwise", "packs", is, "should", should)
}

// incomplete refuses a document that takes effect without the stock it moves.
func incomplete(moves []lineMove, id atoll.ID) (atoll.Key, error) {
	for _, m := range moves {
		if m.stock != id || m.by.none() {
			continue
		}
		if !m.crossed {
			return m.line, atoll.Errorf(atoll.Rule, "the document is %s: its lines change together with the stock they move", m.header.Text("status")).
				On("number_of_packs").Do("change the line as a line of its document (atoll invoice line …), which moves the stock with it").
				Because("stock.line", "status", m.header.Text("status"))
		}
		return m.doc, atoll.Errorf(atoll.LifeCycle, "the status moves stock, and the stock does not move").On("status").
			Do("finalise, confirm or cancel the document instead of writing its status").Because("stock.status")
	}
	return atoll.Key{}, nil
}

// sound looks at one line that moves stock: it names a stock line, of its own
// store and in its own packs.
func sound(w admit.World, m lineMove) (atoll.Key, error) {
	if m.new == nil || m.by.none() {
		return atoll.Key{}, nil
	}
	if m.stock == "" {
		if m.new.Text("kind") == StockIn {
			return m.line, atoll.Errorf(atoll.LifeCycle, "the line comes into stock and names no stock line").On("stock_line_id").
				Do("receive or confirm the document instead of writing its status").Because("stock.unnamed_in")
		}
		if Sign(m.by.Total) == 0 {
			return atoll.Key{}, nil // asked for and not allocated yet: nothing is set aside for it
		}
		return m.line, atoll.Errorf(atoll.LifeCycle, "the line goes out of stock and names no stock line").On("stock_line_id").
			Do("name the stock it is drawn from, or take the line out").Because("stock.unnamed_out")
	}
	r, there, err := w.Record(atoll.Key{Type: "stock_line", ID: m.stock})
	if err != nil || !there {
		return m.line, err
	}
	f, err := r.Fields()
	if err != nil {
		return m.line, err
	}
	if f.ID("store_id") != m.new.ID("store_id") {
		return m.line, atoll.Errorf(atoll.Rule, "the line names stock of another store").On("stock_line_id").Do("choose stock of the document's store").
			Because("stock.other_store")
	}
	if m.new.Has("pack_size") && Compare(f.Number("pack_size"), m.new.Number("pack_size")) != 0 {
		return m.line, atoll.Errorf(atoll.Rule, "the line counts packs of %s, its stock line packs of %s", m.new.Number("pack_size"), f.Number("pack_size")).
			On("pack_size").Do("use the stock line's pack size, or repack").
			Because("stock.other_size", "size", m.new.Number("pack_size"), "stock", f.Number("pack_size"))
	}
	return atoll.Key{}, nil
}

// conserved refuses a repack that makes units or loses them.
func conserved(moves []lineMove) (atoll.Key, error) {
	units := map[atoll.Key]string{}
	for _, m := range moves {
		if m.header.Text("kind") != Repack || m.new == nil || m.by.none() {
			continue
		}
		sum, ok := units[m.doc]
		if !ok {
			sum = "0"
		}
		units[m.doc] = Add(sum, Mul(m.by.Total, m.new.Number("pack_size")))
	}
	for doc, sum := range units {
		if Sign(sum) != 0 {
			return doc, atoll.Errorf(atoll.Rule, "the repack changes the number of units by %s", sum).
				Do("let as many units come in as go out").Because("stock.repack_units", "units", sum)
		}
	}
	return atoll.Key{}, nil
}

// shown keeps of the movements those that an entry from elsewhere shows in full:
// of documents that were here and take effect in it, with as many lines as they
// say they have.
func shown(w admit.World, moves []lineMove) ([]lineMove, error) {
	whole := map[atoll.Key]bool{}
	var out []lineMove
	for _, m := range moves {
		if !m.crossed || m.made || m.header == nil {
			continue
		}
		ok, asked := whole[m.doc]
		if !asked {
			g := governed[m.doc.Type]
			lines, err := w.Lines(g.line, g.parent, m.doc.ID)
			if err != nil {
				return nil, err
			}
			ok = m.header.Has("line_count") && int(m.header.Int("line_count")) == len(lines)
			whole[m.doc] = ok
		}
		if ok {
			out = append(out, m)
		}
	}
	return out, nil
}

// Opening completes new stock lines that come without a document with what there
// was at the beginning (opening_number_of_packs), so that the ledger begins there.
func (d Desk) Opening(do []journal.Proposal) ([]journal.Proposal, error) {
	fresh := false
	for _, p := range do {
		fresh = fresh || p.Key.Type == "stock_line" && p.Verb == atoll.Insert && !p.Fields.Has("opening_number_of_packs")
	}
	if !fresh {
		return do, nil
	}
	s := &sheet{desk: d, do: append([]journal.Proposal(nil), do...), at: map[atoll.Key]int{}}
	for i, p := range s.do {
		s.at[p.Key] = i
	}
	all, err := s.edits()
	if err != nil {
		return nil, err
	}
	moves, err := lineMoves(s, all)
	if err != nil {
		return nil, err
	}
	sums, _ := totals(moves)
	for _, p := range do {
		if p.Key.Type != "stock_line" || p.Verb != atoll.Insert || p.Fields.Has("opening_number_of_packs") {
			continue
		}
		by, moved := sums[p.Key.ID]
		if !moved {
			by = still
		}
		if opening := Sub(p.Fields.Number("total_number_of_packs"), by.Total); Sign(opening) != 0 {
			s.amend(p.Key, atoll.Fields{}.Set("opening_number_of_packs", number(opening)))
		}
	}
	return s.do, nil
}
