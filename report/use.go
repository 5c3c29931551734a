package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/atollsync/atoll"
)

// spell is what use is added up by.
type spell struct {
	month       string
	store, item int32
}

// used is what went out in a spell, in units.
type used struct {
	spell
	customers, patients, transfers, down, up, inferred amount
}

func (u *used) add(m movement) {
	switch m.sort {
	case customers:
		u.customers = u.customers.minus(m.by)
	case patients:
		u.patients = u.patients.minus(m.by)
	case transfers:
		u.transfers = u.transfers.minus(m.by)
	case adjustments:
		if m.by.sign() < 0 {
			u.down = u.down.minus(m.by)
		} else {
			u.up = u.up.plus(m.by)
		}
	case receipt:
	}
}

// total is what was used; adjustments are no use.
func (u *used) total(withoutTransfers bool) amount {
	sum := u.customers.plus(u.patients).plus(u.inferred)
	if withoutTransfers {
		return sum
	}
	return sum.plus(u.transfers)
}

// use is what went out of each store by month and item: to customers, to patients,
// to other stores, by adjustment (R-J-04). Months are those of UTC. Of a store whose
// transactions stay at its site it is inferred from what was delivered to it, and
// says so (R-J-12).
func use(d *Desk, a *asked, t *Table) error {
	shops := d.shops(a)
	items, err := d.items(a)
	if err != nil {
		return err
	}
	spells := map[spell]*used{}
	at := func(m movement, store atoll.ID) *used {
		if !m.at.Before(a.To) || !a.wants(m.item) {
			return &used{}
		}
		k := spell{monthOf(m.at), shops.place([]byte(store)), items.place(m.item)}
		u, ok := spells[k]
		if !ok {
			u = &used{spell: k}
			spells[k] = u
		}
		return u
	}
	err = d.uses(a, a.From, func(m movement) {
		if m.sort != receipt {
			at(m, m.store).add(m)
		}
	}, func(m movement) {
		u := at(m, m.to)
		u.inferred = u.inferred.minus(m.by)
	})
	if err != nil {
		return err
	}
	if err := d.named(items); err != nil {
		return err
	}
	all := make([]*used, 0, len(spells))
	for _, u := range spells {
		all = append(all, u)
	}
	slices.SortFunc(all, func(x, y *used) int {
		return cmp.Or(cmp.Compare(x.month, y.month), cmp.Compare(shops.rank[x.store], shops.rank[y.store]), cmp.Compare(items.rank[x.item], items.rank[y.item]))
	})
	t.useRows(a, all, shops, items)
	a.noted(t)
	return nil
}

// monthOf is the month of the moment, "" when that is not known.
func monthOf(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format("2006-01")
}

// uses calls recorded with what the stores of the answer moved since from, and
// inferred with what was delivered to those of them whose own records are not here,
// or taken back.
func (d *Desk) uses(a *asked, from time.Time, recorded, inferred func(movement)) error {
	silent := a.silent()
	return d.moving(a, from, func(m movement) {
		if _, to := silent[m.to]; to && m.sort == transfers {
			inferred(m)
		}
		if _, is := silent[m.store]; a.has(m.store) && !is {
			recorded(m)
		}
	})
}

func (t *Table) useRows(a *asked, all []*used, shops, items *things) {
	t.Columns = []Column{
		{"month", "Month", Text},
		{"store", "Store", Text},
		{"store_name", "Store name", Text},
		{"item", "Item", Text},
		{"item_name", "Item name", Text},
		{"customers", "To customers", Number},
		{"patients", "To patients", Number},
	}
	if !a.WithoutTransfers {
		t.Columns = append(t.Columns, Column{"transfers", "To own stores", Number})
	}
	t.Columns = append(t.Columns, Column{"adjusted_down", "Adjusted down", Number}, Column{"adjusted_up", "Adjusted up", Number},
		Column{"inferred", "Inferred from deliveries", Number}, Column{"use", "Use", Number}, Column{"basis", "Basis", Text})
	for _, u := range all {
		row := []string{
			u.month, shops.codes[u.store], shops.names[u.store], items.codes[u.item], items.names[u.item],
			u.customers.String(), u.patients.String(),
		}
		if !a.WithoutTransfers {
			row = append(row, u.transfers.String())
		}
		inferred, basis := "", "recorded"
		if _, silent := a.silent()[shops.ids[u.store]]; silent {
			inferred, basis = u.inferred.String(), "inferred"
		}
		t.Rows = append(t.Rows, append(row, u.down.String(), u.up.String(), inferred, u.total(a.WithoutTransfers).String(), basis))
	}
	if len(all) > 0 && all[0].month == "" {
		t.Notes = append(t.Notes, "Use without a month is of documents that carry no date.")
	}
	if len(a.silent()) > 0 {
		t.Notes = append(t.Notes, "Use marked inferred is what other stores delivered to a store whose own transactions stay at its site.")
	}
}
