package documents

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

// Repacking says how packs of a stock line are packed anew.
type Repacking struct {
	StockLine atoll.ID
	Packs     string   // how many of its packs
	PackSize  string   // the new size
	Location  atoll.ID // or its code: where the new packs lie; "" for the same place
	Comment   string
}

// Repack returns a finalised repack: packs leave one stock line and come, in
// another size, into a new one of the same batch, in one transaction. Units and
// value stay equal. It is refused when the units do not fill packs of the new
// size.
func (d Desk) Repack(r Repacking) ([]journal.Proposal, error) {
	key := atoll.Key{Type: "stock_line", ID: r.StockLine}
	stock, err := d.document(key)
	if err != nil {
		return nil, err
	}
	size := stock.Number("pack_size")
	if Sign(r.Packs) <= 0 || Sign(r.PackSize) <= 0 {
		return nil, atoll.Errorf(atoll.Invalid, "packs and pack size must be more than nothing").About(key)
	}
	if Compare(size, r.PackSize) == 0 {
		return nil, atoll.Errorf(atoll.Rule, "the stock is in packs of %s already", size).About(key).On("pack_size").Because("repack.same", "size", size)
	}
	units := Mul(r.Packs, size)
	packs := Div(units, r.PackSize)
	if !divides(units, r.PackSize, packs) {
		return nil, atoll.Errorf(atoll.Rule, "%s units do not fill packs of %s", units, r.PackSize).About(key).On("pack_size").
			Do("repack a number of packs that comes out even").Because("repack.uneven", "units", units, "size", r.PackSize)
	}
	out := ofStock(r.StockLine, stock).Set("kind", StockOut).Set("number_of_packs", number(r.Packs))
	in := atoll.Fields{}
	for _, name := range brings {
		if stock.Has(name) {
			in[name] = stock[name]
		}
	}
	in.Set("kind", StockIn).Set("number_of_packs", number(packs)).Set("pack_size", number(r.PackSize))
	for _, name := range perPack {
		if stock.Has(name) {
			in.Set(name, number(Div(Mul(stock.Number(name), r.PackSize), size)))
		}
	}
	if r.Location != "" {
		if in, err = d.named("invoice_line", in.Set("location_id", r.Location), stock.ID("store_id")); err != nil {
			return nil, err
		}
	}
	_, do, err := d.adjustment(stock.ID("store_id"), Repack, atoll.Fields{}.Set("comment", r.Comment), []atoll.Fields{out, in})
	if err != nil {
		return nil, err
	}
	return d.Settle(do)
}

// perPack are the fields of a line that say something of one pack.
var perPack = []string{
	"cost_price_per_pack", "sell_price_per_pack", "foreign_currency_price", "volume_per_pack",
}

// PackToOne turns a line into packs of one unit, with equal quantity and value
// (R-D-25): what was sent stays told as it was.
func PackToOne(line atoll.Fields) atoll.Fields {
	size := line.Number("pack_size")
	if Sign(size) <= 0 || Compare(size, "1") == 0 {
		return line
	}
	out := line.Clone().Set("number_of_packs", number(Mul(line.Number("number_of_packs"), size))).Set("pack_size", number("1"))
	for _, name := range perPack {
		if line.Has(name) {
			out.Set(name, number(Div(line.Number(name), size)))
		}
	}
	return out
}
