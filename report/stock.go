package report

import (
	"cmp"
	"slices"

	"github.com/atollsync/atoll/storage"
)

// lot is what stock is added up by.
type lot struct {
	store, item   int32 // store is -1 when all are taken together
	batch, expiry string
}

// held is stock of a lot.
type held struct {
	lot
	lines                          int
	packs, units, available, worth amount
}

var stockFields = []string{
	"store_id", "item_id", "pack_size", "total_number_of_packs", "available_number_of_packs", "cost_price_per_pack", "batch", "expiry_date",
}

// stock is stock on hand by store and item, by batch and expiry date on request
// (R-J-02). Lots of which nothing is there, nor anything set aside, are left out.
func stock(d *Desk, a *asked, t *Table) error {
	shops := d.shops(a)
	items, err := d.items()
	if err != nil {
		return err
	}
	lots := map[lot]*held{}
	fields := stockFields
	if a.By != ByBatch {
		fields = fields[:6]
	}
	err = d.each(a, storage.RowQuery{Type: "stock_line", Fields: fields}, func(r storage.Row) error {
		k := lot{store: shops.place(r.Plain(0)), item: items.place(r.Plain(1))}
		if a.Item != "" && items.ids[k.item] != a.Item {
			return nil
		}
		total, available := amountOf(r.Number(3)), amountOf(r.Number(4))
		if total.sign() == 0 && available.sign() == 0 {
			return nil
		}
		switch a.By {
		case ByBatch:
			k.batch, k.expiry = r.Text(6), r.Text(7)
		case BySystem:
			k.store = -1
		case ByItem:
		}
		h, ok := lots[k]
		if !ok {
			h = &held{lot: k}
			lots[k] = h
		}
		size := sizeOf(r.Number(2))
		h.lines++
		h.packs = h.packs.plus(total)
		h.units = h.units.plus(total.times(size))
		h.available = h.available.plus(available.times(size))
		h.worth = h.worth.plus(total.times(amountOf(r.Number(5))))
		return nil
	})
	if err != nil {
		return err
	}
	items.order()
	all := make([]*held, 0, len(lots))
	for _, h := range lots {
		all = append(all, h)
	}
	slices.SortFunc(all, func(x, y *held) int {
		if x.store != y.store {
			if x.store < 0 || y.store < 0 {
				return cmp.Compare(x.store, y.store)
			}
			return cmp.Compare(shops.rank[x.store], shops.rank[y.store])
		}
		return cmp.Or(cmp.Compare(items.rank[x.item], items.rank[y.item]), cmp.Compare(x.expiry, y.expiry), cmp.Compare(x.batch, y.batch))
	})
	t.stockRows(a, all, shops, items)
	a.noted(t)
	return nil
}

// sizeOf is a pack size; nothing is 1.
func sizeOf(b []byte) amount {
	if len(b) == 0 {
		return amount{units: 1}
	}
	return amountOf(b)
}

func (t *Table) stockRows(a *asked, all []*held, shops, items *things) {
	if a.By != BySystem {
		t.Columns = append(t.Columns, Column{"store", "Store", Text}, Column{"store_name", "Store name", Text})
	}
	t.Columns = append(t.Columns, Column{"item", "Item", Text}, Column{"item_name", "Item name", Text})
	if a.By == ByBatch {
		t.Columns = append(t.Columns, Column{"batch", "Batch", Text}, Column{"expiry_date", "Expires", Date})
	}
	t.Columns = append(t.Columns, Column{"packs", "Packs", Number}, Column{"units", "Units", Number},
		Column{"available_units", "Available units", Number}, Column{"value", "Value at cost", Number})
	width := len(t.Columns)
	cells := make([]string, 0, width*len(all))
	t.Rows = make([][]string, 0, len(all))
	for _, h := range all {
		from := len(cells)
		if a.By != BySystem {
			cells = append(cells, shops.codes[h.store], shops.names[h.store])
		}
		cells = append(cells, items.codes[h.item], items.names[h.item])
		if a.By == ByBatch {
			cells = append(cells, h.batch, h.expiry)
		}
		cells = append(cells, h.packs.String(), h.units.String(), h.available.String(), h.worth.String())
		t.Rows = append(t.Rows, cells[from:len(cells):len(cells)])
	}
}
