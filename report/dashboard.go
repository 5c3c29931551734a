package report

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// DashboardCode is the code of the dashboard's results among records of type
// dashboard_store_report.
const DashboardCode = "stock"

// expiringSoon is how far ahead the dashboard looks for what expires.
const expiringSoon = 90 * 24 * time.Hour

// glance is what the dashboard says of one store.
type glance struct {
	items                    map[atoll.ID]bool
	lines                    int
	worth, expired, expiring amount
}

// dashboard is a line for each store: how many items and stock lines it has, what
// they are worth, and what of that has expired or soon will (R-J-10).
func dashboard(d *Desk, a *asked, t *Table) error {
	shops := d.shops(a)
	merged, err := d.mergedItems()
	if err != nil {
		return err
	}
	most, err := d.expected(a, "stock_line")
	if err != nil {
		return err
	}
	all := make([]glance, len(shops.ids))
	for i := range all {
		all[i].items = make(map[atoll.ID]bool, min(most/len(all), 1000))
	}
	today, soon := d.Now.UTC().Format(time.DateOnly), d.Now.UTC().Add(expiringSoon).Format(time.DateOnly)
	q := storage.RowQuery{Type: "stock_line", Fields: []string{"store_id", "item_id", "total_number_of_packs", "cost_price_per_pack", "expiry_date"}}
	err = d.each(a, q, func(r line) error {
		packs := amountOf(r.Number(2))
		if packs.sign() == 0 {
			return nil
		}
		g, value := &all[shops.of(r, 0)], packs.times(amountOf(r.Number(3)))
		item := r.Plain(1)
		if to, is := merged[atoll.ID(item)]; is {
			item = []byte(to)
		}
		if !g.items[atoll.ID(item)] { // asking makes no copy of the id, and most are there
			g.items[atoll.ID(item)] = true
		}
		g.lines++
		g.worth = g.worth.plus(value)
		switch expires := string(r.Plain(4)); {
		case expires == "":
		case expires < today:
			g.expired = g.expired.plus(value)
		case expires <= soon:
			g.expiring = g.expiring.plus(value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.Columns = []Column{
		{"store", "Store", Text},
		{"store_name", "Store name", Text},
		{"items", "Items in stock", Number},
		{"stock_lines", "Stock lines", Number},
		{"value", "Value at cost", Number},
		{"expired_value", "Expired", Number},
		{"expiring_value", "Expires within 90 days", Number},
	}
	silent := a.silent()
	for i, g := range all {
		if _, is := silent[shops.ids[i]]; is {
			continue
		}
		t.Rows = append(t.Rows, []string{
			shops.codes[i], shops.names[i], strconv.Itoa(len(g.items)), strconv.Itoa(g.lines), g.worth.String(), g.expired.String(), g.expiring.String(),
		})
	}
	a.noted(t)
	return nil
}

// Result is what the dashboard says of one store, as its site receives it.
type Result struct {
	Store atoll.ID
	// Fields are those of a dashboard_store_report, but for the time it was made.
	Fields atoll.Fields
}

// Results takes a dashboard apart, store by store (R-J-10, R-B-32).
func Results(t *Table) []Result {
	byCode := map[string]atoll.ID{}
	for _, f := range t.Stores {
		byCode[f.Code+"\x00"+f.Name] = f.Store
	}
	var out []Result
	for _, row := range t.Rows {
		store := byCode[row[0]+"\x00"+row[1]]
		result := atoll.Fields{}
		for i, c := range t.Columns {
			if c.Kind == Number {
				result.Set(c.Name, json.Number(row[i]))
			}
		}
		f := atoll.Fields{}.Set("store_id", store).Set("code", DashboardCode).Set("name", t.Title).Set("result", json.RawMessage(result.Encode()))
		out = append(out, Result{store, f})
	}
	return out
}
