package report

import (
	"cmp"
	"slices"

	"github.com/atollsync/atoll/storage"
)

// held is stock of one lot: a store's item, or a batch of it. Store is -1 when all
// stores are taken together.
type held struct {
	store, item                    int32
	next                           int32 // the next lot of the same store and item, -1 for none
	batch, expiry                  string
	packs, units, available, worth amount
}

// lots are found by store and item; there are few batches of each.
type lots struct {
	blocks [][]held // of blockSize, so that none is copied as they become many
	count  int32
	first  map[uint64]int32
}

const blockSize = 4096

func (l *lots) at(n int32) *held { return &l.blocks[n/blockSize][n%blockSize] }

func pair(store, item int32) uint64 { return uint64(uint32(store))<<32 | uint64(uint32(item)) } //nolint:gosec // -1 comes back as it was

// of returns the lot, and makes it if it is not there.
func (l *lots) of(store, item int32, batch, expiry []byte) *held {
	k := pair(store, item)
	head, ok := l.first[k]
	if !ok {
		head = -1
	}
	for at := head; at >= 0; at = l.at(at).next {
		if h := l.at(at); h.batch == string(batch) && h.expiry == string(expiry) {
			return h
		}
	}
	if l.count%blockSize == 0 {
		l.blocks = append(l.blocks, make([]held, blockSize))
	}
	h := l.at(l.count)
	*h = held{store: store, item: item, next: head, batch: string(batch), expiry: string(expiry)}
	l.first[k] = l.count
	l.count++
	return h
}

// sorted returns the lots in the order of stores, items, expiry dates and batches.
func (l *lots) sorted(shops, items *things) []*held {
	type entry struct {
		key uint64
		of  *held
	}
	order := make([]entry, l.count)
	for i := range order {
		h := l.at(int32(i))                             //nolint:gosec // there are not that many
		order[i] = entry{uint64(items.rank[h.item]), h} //nolint:gosec // ranks are not negative
		if h.store >= 0 {
			order[i].key |= uint64(shops.rank[h.store]) << 32 //nolint:gosec // as above
		}
	}
	slices.SortFunc(order, func(x, y entry) int {
		if x.key != y.key {
			return cmp.Compare(x.key, y.key)
		}
		return cmp.Or(cmp.Compare(x.of.expiry, y.of.expiry), cmp.Compare(x.of.batch, y.of.batch))
	})
	out := make([]*held, len(order))
	for i := range order {
		out[i] = order[i].of
	}
	return out
}

var stockFields = []string{
	"store_id", "item_id", "pack_size", "total_number_of_packs", "available_number_of_packs", "cost_price_per_pack", "batch", "expiry_date",
}

// stock is stock on hand by store and item, by batch and expiry date on request
// (R-J-02). Lots of which nothing is there, nor anything set aside, are left out.
func stock(d *Desk, a *asked, t *Table) error {
	shops := d.shops(a)
	items, err := d.items(a)
	if err != nil {
		return err
	}
	most, err := d.expected(a, "stock_line")
	if err != nil {
		return err
	}
	found := lots{first: make(map[uint64]int32, most)}
	fields := stockFields
	if a.By != ByBatch {
		fields = fields[:6]
	}
	err = d.each(a, storage.RowQuery{Type: "stock_line", Fields: fields}, func(r line) error {
		if !a.wants(r.Plain(1)) {
			return nil
		}
		store, item := shops.of(r, 0), items.of(r, 1)
		total, available := amountOf(r.Number(3)), amountOf(r.Number(4))
		if total.sign() == 0 && available.sign() == 0 {
			return nil
		}
		var batch, expiry []byte
		switch a.By {
		case ByBatch:
			batch, expiry = r.Bytes(6), r.Bytes(7)
		case BySystem:
			store = -1
		case ByItem:
		}
		h, size := found.of(store, item, batch, expiry), sizeOf(r.Number(2))
		h.packs = h.packs.plus(total)
		h.units = h.units.plus(total.times(size))
		h.available = h.available.plus(available.times(size))
		h.worth = h.worth.plus(total.times(amountOf(r.Number(5))))
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.named(items); err != nil {
		return err
	}
	t.stockRows(a, found.sorted(shops, items), shops, items)
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
	var figures numbers
	for _, h := range all {
		from := len(cells)
		if a.By != BySystem {
			cells = append(cells, shops.codes[h.store], shops.names[h.store])
		}
		cells = append(cells, items.codes[h.item], items.names[h.item])
		if a.By == ByBatch {
			cells = append(cells, h.batch, h.expiry)
		}
		cells = append(cells, figures.text(h.packs), figures.text(h.units), figures.text(h.available), figures.text(h.worth))
		t.Rows = append(t.Rows, cells[from:len(cells):len(cells)])
	}
}
