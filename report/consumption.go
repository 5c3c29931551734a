package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// The preferences of the average monthly consumption (R-J-05).
const (
	prefLookBack   = "monthly_consumption_look_back_period"   // of a store or the system: months
	prefDays       = "days_in_month"                          // of the system
	prefOut        = "adjust_for_number_of_days_out_of_stock" // of the system; on unless it says false
	prefTransfers  = "exclude_transfers"                      // of the system: deliveries to own stores are no consumption
	daysInMonth    = "30.4375"
	lookBack       = 3
	lookBackMobile = 12
)

const day = 24 * time.Hour

// basis is what the consumption of one store is worked out with.
type basis struct {
	months int64
	length amount // look-back days, exactly
	days   int    // … whole ones
	adjust bool
}

// flow is what happened with a store's item in the time looked back on.
type flow struct {
	store, item    int32
	used, inferred amount
	hand           amount // now
	events         []event
}

type event struct {
	at time.Time
	by amount
}

// consumption is the average monthly consumption of each store's items (R-J-05):
// consumption ÷ months × look-back days ÷ (look-back days − days out of stock). A
// day is out of stock when there was nothing at any moment of it.
func consumption(d *Desk, a *asked, t *Table) error {
	if !a.From.IsZero() {
		return atoll.Errorf(atoll.Invalid, "how far consumption looks back is a preference of the store").On("from").
			Do("set %s, or leave --from out", prefLookBack)
	}
	if plain(d.T.Preference(prefTransfers)) == "true" {
		a.WithoutTransfers = true
	}
	shops := d.shops(a)
	items, err := d.items(a)
	if err != nil {
		return err
	}
	bases, first, err := d.bases(a, shops)
	if err != nil {
		return err
	}
	flows := map[uint64]*flow{}
	at := func(store atoll.ID, item []byte) *flow {
		if !a.wants(item) {
			return &flow{}
		}
		shop, thing := shops.place([]byte(store)), items.place(item)
		f, ok := flows[pair(shop, thing)]
		if !ok {
			f = &flow{store: shop, item: thing}
			flows[pair(shop, thing)] = f
		}
		return f
	}
	err = d.each(a, storage.RowQuery{Type: "stock_line", Fields: stockFields[:4]}, func(r line) error {
		if units := amountOf(r.Number(3)).times(sizeOf(r.Number(2))); units.sign() != 0 {
			f := at(atoll.ID(r.Plain(0)), r.Plain(1))
			f.hand = f.hand.plus(units)
		}
		return nil
	})
	if err != nil {
		return err
	}
	within := func(m movement, store int32) bool {
		return m.at.Before(a.To) && !m.at.Before(a.To.Add(-time.Duration(bases[store].days)*day))
	}
	err = d.uses(a, first, func(m movement) {
		f := at(m.store, m.item)
		f.events = append(f.events, event{m.at, m.by})
		if within(m, f.store) && (m.sort == customers || m.sort == patients || m.sort == transfers && !a.WithoutTransfers) {
			f.used = f.used.minus(m.by)
		}
	}, func(m movement) {
		if f := at(m.to, m.item); within(m, f.store) {
			f.inferred = f.inferred.minus(m.by)
		}
	})
	if err != nil {
		return err
	}
	if err := d.named(items); err != nil {
		return err
	}
	all := make([]*flow, 0, len(flows))
	for _, f := range flows {
		all = append(all, f)
	}
	slices.SortFunc(all, func(x, y *flow) int {
		if x.store != y.store {
			return cmp.Compare(shops.rank[x.store], shops.rank[y.store])
		}
		return cmp.Compare(items.rank[x.item], items.rank[y.item])
	})
	t.consumptionRows(a, all, bases, shops, items)
	a.noted(t)
	return nil
}

// bases returns the basis of each store by its number, and the first moment that
// any of them looks back to.
func (d *Desk) bases(a *asked, shops *things) ([]basis, time.Time, error) {
	own := map[atoll.ID]string{}
	q := storage.RowQuery{Type: "store_preference", Fields: []string{"store_id", "value"}, Where: map[string]string{"key": prefLookBack}}
	if err := d.R.Rows(q, func(r storage.Row) error {
		own[atoll.ID(r.Text(0))] = plain(r.Values[1])
		return nil
	}); err != nil {
		return nil, time.Time{}, err
	}
	length := number(daysInMonth)
	if p := number(plain(d.T.Preference(prefDays))); p.sign() > 0 {
		length = p
	}
	out, first := make([]basis, len(shops.ids)), a.To
	for i, id := range shops.ids {
		b := basis{months: lookBack, adjust: plain(d.T.Preference(prefOut)) != "false"}
		if site, ok := d.T.Site(a.stores[id].Site); ok && site.Kind == topology.Mobile {
			b.months = lookBackMobile
		}
		for _, said := range []string{plain(d.T.Preference(prefLookBack)), own[id]} {
			if n, err := strconv.ParseInt(said, 10, 64); err == nil && n > 0 && n <= 120 {
				b.months = n
			}
		}
		b.length = length.times(amount{units: b.months})
		whole, _, _ := strings.Cut(b.length.String(), ".")
		b.days, _ = strconv.Atoi(whole)
		b.days = min(max(b.days, 1), 120*366)
		if since := a.To.Add(-time.Duration(b.days) * day); since.Before(first) {
			first = since
		}
		out[i] = b
	}
	return out, first, nil
}

// plain is a JSON value as text, a string without its quotes.
func plain(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

// out counts the days on which there was nothing at any moment, and returns what
// was there at the end: it goes back from what is there now.
func (f *flow) out(to time.Time, days int) (out int, hand amount) {
	if len(f.events) == 0 {
		if f.hand.sign() <= 0 {
			out = days
		}
		return out, f.hand
	}
	slices.SortFunc(f.events, func(x, y event) int { return y.at.Compare(x.at) })
	balance, next := f.hand, 0
	for ; next < len(f.events) && !f.events[next].at.Before(to); next++ {
		balance = balance.minus(f.events[next].by)
	}
	hand = balance
	for i := range days {
		begin := to.Add(-time.Duration(i+1) * day)
		some := balance.sign() > 0
		for ; next < len(f.events) && !f.events[next].at.Before(begin); next++ {
			balance = balance.minus(f.events[next].by)
			some = some || balance.sign() > 0
		}
		if !some {
			out++
		}
	}
	return out, hand
}

// average is the average monthly consumption.
func (b basis) average(used amount, out int) amount {
	if !b.adjust {
		out = 0
	}
	if used.sign() == 0 {
		return amount{}
	}
	left := b.length.minus(amount{units: int64(out)})
	if left.sign() <= 0 {
		return amount{}
	}
	return used.times(b.length).over(amount{units: b.months}.times(left))
}

func (t *Table) consumptionRows(a *asked, all []*flow, bases []basis, shops, items *things) {
	t.Columns = []Column{
		{"store", "Store", Text},
		{"store_name", "Store name", Text},
		{"item", "Item", Text},
		{"item_name", "Item name", Text},
		{"consumption", "Consumption", Number},
		{"look_back_months", "Months looked back", Number},
		{"days_out_of_stock", "Days out of stock", Number},
		{"average_monthly_consumption", "Average monthly consumption", Number},
		{"units", "Units on hand", Number},
		{"months_of_stock", "Months of stock", Number},
		{"basis", "Basis", Text},
	}
	silent := a.silent()
	for _, f := range all {
		b := bases[f.store]
		out, hand := f.out(a.To, b.days)
		row := []string{shops.codes[f.store], shops.names[f.store], items.codes[f.item], items.names[f.item]}
		if _, is := silent[shops.ids[f.store]]; is {
			// What is there is not known, so nothing is known of days without stock.
			average := b.average(f.inferred, 0)
			t.Rows = append(t.Rows, append(row, f.inferred.String(), amount{units: b.months}.String(), "", average.String(), "", "", "inferred"))
			continue
		}
		if f.used.sign() == 0 && hand.sign() == 0 {
			continue
		}
		average, lasts := b.average(f.used, out), ""
		if average.sign() > 0 {
			lasts = hand.over(average).String()
		}
		t.Rows = append(t.Rows, append(row, f.used.String(), amount{units: b.months}.String(), strconv.Itoa(out),
			average.String(), hand.String(), lasts, "recorded"))
	}
}
