package documents

import (
	"github.com/atollsync/atoll"
)

// settleCount turns the counts of a stocktake into inventory adjustments: one
// document for what was found, one for what was missing, each finalised, with a
// line for each count that differs. A line that nobody counted changes nothing.
//
// A count is compared with what there was when it was taken (the snapshot). If
// the stock has moved since, the count says nothing about it, and is refused.
func (p *paper) settleCount() error {
	var found, missing []atoll.Fields
	seen := map[atoll.ID]bool{}
	for _, r := range p.lines {
		f, err := r.Fields()
		if err != nil {
			return err
		}
		if !f.Has("counted_number_of_packs") {
			continue
		}
		if line := f.ID("stock_line_id"); line != "" && seen[line] {
			return atoll.Errorf(atoll.Rule, "the stock line was counted twice").About(r.Key).On("stock_line_id").Do("take one of the counts out").
				Because("count.twice")
		}
		seen[f.ID("stock_line_id")] = true
		row, differs, err := p.desk.counted(r.Key, f)
		if err != nil {
			return err
		}
		switch {
		case Sign(differs) > 0:
			found = append(found, row.Set("kind", StockIn).Set("number_of_packs", number(differs)))
		case Sign(differs) < 0:
			missing = append(missing, row.Set("kind", StockOut).Set("number_of_packs", number(Sub("0", differs))))
		}
	}
	for _, part := range []struct {
		kind, field string
		rows        []atoll.Fields
	}{{InventoryAddition, "inventory_addition_id", found}, {InventoryReduction, "inventory_reduction_id", missing}} {
		if len(part.rows) == 0 {
			continue
		}
		header := atoll.Fields{}.Set("stocktake_id", p.key.ID)
		carry(header, p.Fields, map[string]string{"description": "comment", "program_id": "program_id"})
		id, made, err := p.desk.adjustment(p.Fields.ID("store_id"), part.kind, header, part.rows)
		if err != nil {
			return err
		}
		p.header.Set(part.field, id)
		p.more = append(p.more, made...)
	}
	return nil
}

// counted compares one count with the stock: the adjustment line it would need,
// and by how much it differs.
func (d Desk) counted(key atoll.Key, f atoll.Fields) (row atoll.Fields, differs string, err error) {
	count := f.Number("counted_number_of_packs")
	if Sign(count) < 0 {
		return nil, "", atoll.Errorf(atoll.Rule, "a count is below nothing: %s", count).About(key).On("counted_number_of_packs").
			Because("count.below", "count", count)
	}
	extra := map[string]string{"reason_option_id": "reason_option_id", "item_name": "item_name", "note": "note"}
	id := f.ID("stock_line_id")
	if id == "" { // stock that nobody knew of
		row = atoll.Fields{}
		for _, name := range brings {
			extra[name] = name
		}
		carry(row, f, extra)
		return row, count, nil
	}
	stock, err := d.document(atoll.Key{Type: "stock_line", ID: id})
	if err != nil {
		return nil, "", err
	}
	is := stock.Number("total_number_of_packs")
	if f.Has("snapshot_number_of_packs") && Compare(f.Number("snapshot_number_of_packs"), is) != 0 {
		return nil, "", atoll.Errorf(atoll.Rule, "the stock has moved since it was counted: %s packs then, %s now", f.Number("snapshot_number_of_packs"), is).
			About(key).On("snapshot_number_of_packs").Do("count this line again, from what is there now").
			Because("count.moved", "then", f.Number("snapshot_number_of_packs"), "now", is)
	}
	row = ofStock(id, stock)
	carry(row, f, extra)
	return row, Sub(count, is), nil
}
