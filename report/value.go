package report

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/storage"
)

// worth is what goods are worth.
type worth struct{ units, cost, sell amount }

func (w *worth) add(packs, size, cost, sell amount) {
	w.units = w.units.plus(packs.times(size))
	w.cost = w.cost.plus(packs.times(cost))
	w.sell = w.sell.plus(packs.times(sell))
}

// value is what the stock of each store is worth, then what is on its way between
// stores, as a line of its own, then all of it (R-J-03, R-D-27). Goods that have
// left a store and are not in stock at the other are valued as they were when they
// left, so that sending changes no total.
func value(d *Desk, a *asked, t *Table) error {
	shops := d.shops(a)
	sums := make([]worth, len(shops.ids))
	q := storage.RowQuery{Type: "stock_line", Fields: []string{"store_id", "item_id", "pack_size", "total_number_of_packs", "cost_price_per_pack", "sell_price_per_pack"}}
	err := d.each(a, q, func(r line) error {
		if !a.wants(r.Plain(1)) {
			return nil
		}
		sums[shops.of(r, 0)].add(amountOf(r.Number(3)), sizeOf(r.Number(2)), amountOf(r.Number(4)), amountOf(r.Number(5)))
		return nil
	})
	if err != nil {
		return err
	}
	under, err := d.underWay(a)
	if err != nil {
		return err
	}
	t.Columns = []Column{
		{"line", "Line", Text},
		{"store", "Store", Text},
		{"store_name", "Store name", Text},
		{"units", "Units", Number},
		{"value", "Value at cost", Number},
		{"sell_value", "Value at sell price", Number},
	}
	total := under
	silent := a.silent()
	for i, w := range sums {
		if _, is := silent[shops.ids[i]]; is {
			t.Rows = append(t.Rows, []string{"stock", shops.codes[i], shops.names[i], "", "", ""})
			continue
		}
		t.Rows = append(t.Rows, []string{"stock", shops.codes[i], shops.names[i], w.units.String(), w.cost.String(), w.sell.String()})
		total.units, total.cost, total.sell = total.units.plus(w.units), total.cost.plus(w.cost), total.sell.plus(w.sell)
	}
	for _, l := range []struct {
		name string
		of   worth
	}{{"in_transit", under}, {"total", total}} {
		t.Rows = append(t.Rows, []string{l.name, "", "", l.of.units.String(), l.of.cost.String(), l.of.sell.String()})
	}
	t.Notes = append(t.Notes, "In transit is what left these stores for others and is not in stock there, at the prices it had when it left.")
	a.noted(t)
	return nil
}

// underWay is what left the stores of the answer for other stores and is not in
// stock there (R-D-27).
func (d *Desk) underWay(a *asked) (worth, error) {
	sent, err := d.sent(a)
	if err != nil {
		return worth{}, err
	}
	if err := d.received(sent); err != nil {
		return worth{}, err
	}
	var sum worth
	q := storage.RowQuery{Type: "invoice_line", Fields: []string{
		"invoice_id", "kind", "item_id", "number_of_packs", "pack_size", "cost_price_per_pack", "sell_price_per_pack", "stock_line_id",
	}}
	return sum, linesOf(d, a, q, "invoice_id", sent, func(r storage.Row) error {
		_, under := sent[atoll.ID(r.Plain(0))]
		if !under || string(r.Plain(1)) != documents.StockOut || r.Values[7] == nil || !a.wants(r.Plain(2)) {
			return nil
		}
		sum.add(amountOf(r.Number(3)), sizeOf(r.Number(4)), amountOf(r.Number(5)), amountOf(r.Number(6)))
		return nil
	})
}

// sent returns the documents by which goods left the stores of the answer for
// others.
func (d *Desk) sent(a *asked) (map[atoll.ID]bool, error) {
	out := map[atoll.ID]bool{}
	for _, kind := range []string{documents.CustomerInvoice, documents.SupplierCredit} {
		q := storage.RowQuery{
			Type: "invoice", Fields: []string{"store_id", "status", "partner_store_id", "linked_status"}, Where: map[string]string{"kind": kind},
		}
		if err := d.R.Rows(q, func(r storage.Row) error {
			if to := atoll.ID(r.Text(2)); to == "" || !moved(r.Text(1)) || !a.has(atoll.ID(r.Plain(0))) || moved(r.Text(3)) && !d.sees(to) {
				return nil // an answer that is not here is known by what the sender learnt of it
			}
			out[r.ID] = true
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sees reports whether the store's own documents are here.
func (d *Desk) sees(store atoll.ID) bool {
	s, ok := d.T.Store(store)
	f, err := d.fresh(s, nil)
	return ok && err == nil && f.Standing.recorded()
}

// received takes those out of sent that are in stock at the other end: answered by
// an invoice, or by a receipt that made one.
func (d *Desk) received(sent map[atoll.ID]bool) error {
	bills := map[atoll.ID]bool{} // invoices that moved their stock
	q := storage.RowQuery{Type: "invoice", Fields: []string{"status", "originating_id"}}
	for _, kind := range []string{documents.SupplierInvoice, documents.CustomerCredit} {
		q.Where = map[string]string{"kind": kind}
		if err := d.R.Rows(q, func(r storage.Row) error {
			if moved(r.Text(0)) {
				bills[r.ID] = true
				delete(sent, atoll.ID(r.Plain(1)))
			}
			return nil
		}); err != nil {
			return err
		}
	}
	q = storage.RowQuery{Type: "goods_received", Fields: []string{"status", "originating_id", "linked_invoice_id"}}
	return d.R.Rows(q, func(r storage.Row) error {
		// One that was finalised without an invoice is booked in another way (R-D-64).
		bill := r.Text(2)
		if bills[atoll.ID(bill)] || bill == "" && r.Text(0) == documents.Finalised {
			delete(sent, atoll.ID(r.Plain(1)))
		}
		return nil
	})
}
