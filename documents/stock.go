package documents

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Settle completes a transaction with the stock that its documents move: the
// stock lines they take from and put into, each changed once, and a stock line of
// its own for each line of goods that come in (R-D-27). It is given every other
// change of the transaction. Acts call it; whoever writes an act of his own calls
// it last.
func (d Desk) Settle(do []journal.Proposal) ([]journal.Proposal, error) {
	s := &sheet{desk: d, do: slices.Clone(do), at: map[atoll.Key]int{}}
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
	fresh := map[atoll.ID]atoll.Fields{} // new stock lines, by the lines that bring them
	for i, m := range moves {
		own := atoll.DeriveID("stock_line", string(m.line.ID))
		switch {
		case m.stock == "" && m.new.Text("kind") == StockIn && Sign(m.by.Total) > 0:
			moves[i].stock = own
			s.amend(m.line, atoll.Fields{}.Set("stock_line_id", own))
			fresh[own] = m.new
		case !m.crossed && m.stock != "" && m.new.Text("kind") == StockOut && Sign(m.by.Total) < 0:
			// More leaves than when the document took effect: it leaves now.
			s.amend(m.line, atoll.Fields{}.Set("moved_at", atoll.Stamp(d.Now)))
		case m.stock == own && m.new != nil && m.old != nil && !m.crossed:
			// What is corrected on the line is corrected on the stock it brought.
			if err := s.follow(own, m.old, m.new); err != nil {
				return nil, err
			}
		}
	}
	sums, ids := totals(moves)
	for _, id := range ids {
		if err := s.shift(id, sums[id], fresh[id]); err != nil {
			return nil, err
		}
	}
	return s.do, s.unspent(moves)
}

// unspent refuses to take back goods that came in when some of them were issued
// since: in the ledger they would have gone before they came (R-J-09).
func (s *sheet) unspent(moves []lineMove) error {
	asked := map[atoll.ID]bool{}
	for _, m := range moves {
		if m.stock == "" || asked[m.stock] || m.old.Text("kind") != StockIn || Sign(m.by.Total) >= 0 {
			continue
		}
		asked[m.stock] = true
		was, err := s.lowest(m.stock, nil)
		if err != nil {
			return err
		}
		all, err := s.edits()
		if err != nil {
			return err
		}
		is, err := s.lowest(m.stock, all)
		if err != nil {
			return err
		}
		if Compare(is, was) < 0 {
			return atoll.Errorf(atoll.Rule, "%s packs of what came in were issued since", Sub("0", is)).About(m.line).On("number_of_packs").
				Do("take back no more than was left of them, or adjust the stock (atoll stock adjust)").Because("stock.issued", "packs", Sub("0", is))
		}
	}
	return nil
}

// lowest is the lowest balance below nothing that a stock line ever had by its
// documents, as they stand or as the changes leave them; "0" if it had none.
func (s *sheet) lowest(id atoll.ID, changes []edited) (string, error) {
	after := make(map[atoll.Key]edited, len(changes))
	for _, e := range changes {
		after[e.key] = e
	}
	var postings []Posting
	for _, t := range []atoll.Type{"invoice", "prescription"} {
		g := governed[t]
		recs, err := s.Lines(g.line, "stock_line_id", id)
		if err != nil {
			return "", err
		}
		lines := map[atoll.Key]atoll.Fields{}
		for _, r := range recs {
			if lines[r.Key], err = r.Fields(); err != nil {
				return "", err
			}
		}
		for key, e := range after {
			if key.Type == g.line {
				lines[key] = e.new
			}
		}
		for _, line := range lines {
			if line == nil || line.ID("stock_line_id") != id {
				continue
			}
			key := atoll.Key{Type: t, ID: line.ID(g.parent)}
			header, err := s.before(key)
			if err != nil {
				return "", err
			}
			if e, ok := after[key]; ok {
				header = e.new
			}
			if header != nil {
				postings = append(postings, Posting{t, header, line})
			}
		}
	}
	stands, err := s.before(atoll.Key{Type: "stock_line", ID: id})
	if err != nil {
		return "", err
	}
	state := StockState{ID: id, Fields: stands}
	if stands != nil { // not all documents need be here
		is, err := s.desk.Ledger(id)
		if err != nil {
			return "", err
		}
		if Compare(is.Opening, stands.Number("opening_number_of_packs")) != 0 {
			state.Opening = is.Opening
		}
	}
	for _, d := range Ledger([]StockState{state}, postings) {
		if d.Lowest != "" {
			return d.Lowest, nil
		}
	}
	return "0", nil
}

// sheet is a transaction being made: what stands, and what is proposed.
type sheet struct {
	desk Desk
	do   []journal.Proposal
	at   map[atoll.Key]int
}

// before returns the fields of a record as they stand; nil if there is none.
func (s *sheet) before(key atoll.Key) (atoll.Fields, error) {
	r, there, err := journal.View{RecordReader: s.desk.R}.Record(key)
	if err != nil || !there || r.Deleted {
		return nil, err
	}
	return r.Fields()
}

// edits are the proposals as changes of whole records.
func (s *sheet) edits() ([]edited, error) {
	out := make([]edited, 0, len(s.do))
	for _, p := range s.do {
		old, err := s.before(p.Key)
		if err != nil {
			return nil, err
		}
		e := edited{key: p.Key, old: old}
		switch p.Verb {
		case atoll.Insert:
			e.new = p.Fields.Compacted()
		case atoll.Update:
			if old == nil {
				continue // the door will say that it is not there
			}
			e.new = old.Apply(p.Fields)
		case atoll.Delete:
		case atoll.Restate:
			continue
		}
		out = append(out, e)
	}
	return out, nil
}

// Record implements papers.
func (s *sheet) Record(key atoll.Key) (atoll.Record, bool, error) {
	return journal.View{RecordReader: s.desk.R}.Record(key)
}

// Lines implements papers: those that the transaction leaves alone are as they
// stand, and the others are known from it.
func (s *sheet) Lines(t atoll.Type, field string, of atoll.ID) ([]atoll.Record, error) {
	return journal.View{RecordReader: s.desk.R}.Lines(t, field, of)
}

// amend adds fields to the proposal about the record, or makes one.
func (s *sheet) amend(key atoll.Key, f atoll.Fields) {
	i, ok := s.at[key]
	if !ok {
		s.at[key] = len(s.do)
		s.do = append(s.do, journal.Proposal{Verb: atoll.Update, Key: key, Fields: f})
		return
	}
	all := s.do[i].Fields.Clone()
	if all == nil {
		all = atoll.Fields{}
	}
	for name, v := range f {
		all[name] = v
	}
	s.do[i].Fields = all
}

// shift moves packs of a stock line; brought are the fields of the line that
// brings a new one.
func (s *sheet) shift(id atoll.ID, by Movement, brought atoll.Fields) error {
	if by.none() {
		return nil
	}
	key := atoll.Key{Type: "stock_line", ID: id}
	stands, err := s.before(key)
	if err != nil {
		return err
	}
	if stands == nil {
		if brought == nil {
			return atoll.Errorf(atoll.NotFound, "there is no such stock line").About(key).
				Do("choose one of: atoll stock list --store CODE")
		}
		s.at[key] = len(s.do)
		s.do = append(s.do, journal.Proposal{Verb: atoll.Insert, Key: key, Fields: newStockLine(brought, by.Total)})
		return nil
	}
	now := heldBy(stands).plus(by)
	s.amend(key, atoll.Fields{}.Set("total_number_of_packs", number(now.Total)).
		Set("available_number_of_packs", number(Sub(now.Total, now.Reserved))))
	return nil
}

// brings are the fields of a stock line that come from the document line that
// brought it.
var brings = []string{
	"store_id", "item_id", "batch", "expiry_date", "manufacture_date", "pack_size", "cost_price_per_pack", "sell_price_per_pack",
	"volume_per_pack", "location_id", "item_variant_id", "donor_id", "manufacturer_id", "barcode_id", "campaign_id", "program_id",
	"vvm_status_id",
}

func newStockLine(f atoll.Fields, packs string) atoll.Fields {
	out := atoll.Fields{}.Set("total_number_of_packs", number(packs)).Set("available_number_of_packs", number(packs)).Set("on_hold", false)
	for _, name := range brings {
		if f.Has(name) {
			out[name] = f[name]
		}
	}
	if !out.Has("pack_size") {
		out.Set("pack_size", number("1"))
	}
	return out
}

// follow carries corrections of a line to the stock line it brought.
func (s *sheet) follow(id atoll.ID, was, is atoll.Fields) error {
	key := atoll.Key{Type: "stock_line", ID: id}
	stands, err := s.before(key)
	if err != nil || stands == nil {
		return err
	}
	f := atoll.Fields{}
	for name, v := range was.Changes(is) {
		if slices.Contains(brings, name) && name != "pack_size" {
			f[name] = v
		}
	}
	if len(f) > 0 {
		s.amend(key, f)
	}
	return nil
}

// StockOf returns the stock lines of a store, those of one item if item is not "".
func (d Desk) StockOf(store, item atoll.ID) ([]atoll.Record, error) {
	where := map[string]string{"store_id": string(store)}
	if item != "" {
		where["item_id"] = string(item)
	}
	return d.R.Records(storage.Query{Type: "stock_line", Where: where})
}

// Adjust returns an inventory adjustment of a stock line by packs (negative to
// take away): the finalised document, its line and the stock, in one
// transaction.
func (d Desk) Adjust(stockLineID atoll.ID, packs, reason string) ([]journal.Proposal, error) {
	before, err := d.document(atoll.Key{Type: "stock_line", ID: stockLineID})
	if err != nil {
		return nil, err
	}
	kind, direction, amount := InventoryAddition, StockIn, packs
	if Sign(packs) < 0 {
		kind, direction, amount = InventoryReduction, StockOut, Sub("0", packs)
	}
	row := ofStock(stockLineID, before).Set("kind", direction).Set("number_of_packs", number(amount))
	_, out, err := d.adjustment(before.ID("store_id"), kind, atoll.Fields{}.Set("comment", reason), []atoll.Fields{row})
	if err != nil {
		return nil, err
	}
	return d.Settle(out)
}

// ofStock are the fields that a document line has from the stock line it names.
func ofStock(id atoll.ID, stock atoll.Fields) atoll.Fields {
	row := atoll.Fields{}.Set("stock_line_id", id)
	for _, name := range []string{
		"store_id", "item_id", "batch", "expiry_date", "pack_size", "cost_price_per_pack", "sell_price_per_pack", "location_id",
	} {
		if stock.Has(name) {
			row[name] = stock[name]
		}
	}
	return row
}

// adjustment makes a finalised document of the store's own, with its number and
// its lines. The stock is not settled yet.
func (d Desk) adjustment(store atoll.ID, kind string, header atoll.Fields, rows []atoll.Fields) (atoll.ID, []journal.Proposal, error) {
	n, sequence, err := d.Number(store, kind)
	if err != nil {
		return "", nil, err
	}
	id, at := atoll.NewID(d.Now), atoll.Stamp(d.Now)
	header = header.Clone().Set("store_id", store).Set("kind", kind).Set("status", Finalised).Set("number", n).
		Set("created_at", at).Set("confirmed_at", at).Set("finalised_at", at).Set("line_count", len(rows))
	out := []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: id}, Fields: header.Compacted()}}
	for i, row := range rows {
		row = row.Set("invoice_id", id).Set("store_id", store).Set("line_number", i+1)
		out = append(out, journal.Proposal{
			Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: atoll.NewID(d.Now)}, Fields: row.Compacted(),
		})
	}
	return id, append(out, sequence), nil
}
