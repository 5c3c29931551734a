package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// How much of a report a page shows.
const (
	reportRows = 100 // rows of one page
	mostNamed  = 5   // stores that are named before the answer because they are late, or not in it
	freshRows  = 50  // stores of which it says how fresh they are, the worst first
	chartRows  = 12  // bars of a chart; the rest is one bar together
)

// summed are the columns of each report that make sense added up; those of units
// only when the report is of one item.
var summed = map[string][]string{
	"stock": {"units", "available_units", "value"}, "use": {"use", "customers", "patients", "transfers"},
	"dashboard": {"value", "expired_value", "expiring_value"}, "transit": {"value"},
}

// charted are the columns that a report's chart is made of: what a bar is called,
// and how long it is; of one item, and of several.
var charted = map[string]struct{ one, many [2]string }{
	"stock":       {[2]string{"store_name", "units"}, [2]string{"item_name", "value"}},
	"value":       {[2]string{"store_name", "value"}, [2]string{"store_name", "value"}},
	"use":         {[2]string{"month", "use"}, [2]string{"month", "use"}},
	"consumption": {[2]string{"store_name", "average_monthly_consumption"}, [2]string{"item_name", "average_monthly_consumption"}},
	"dashboard":   {[2]string{"store_name", "value"}, [2]string{"store_name", "value"}},
	"transit":     {[2]string{"to", "value"}, [2]string{"to", "value"}},
}

// reportCard is one report in the list of all.
type reportCard struct{ Name, Title, Words string }

// reportList lists the reports of this installation (R-J-01).
func (c *console) reportList(v *Visit) error {
	var out []reportCard
	for _, d := range report.All {
		if d.Name == "sync" && c.Centre == nil {
			continue
		}
		out = append(out, reportCard{d.Name, v.reportTitle(d), v.T("report." + d.Name + ".what")})
	}
	return v.page("reports", v.T("reports.title"), out)
}

func (v *Visit) reportTitle(d report.Definition) string { return v.T("report." + d.Name) }

// reportQuery is how a report was asked for.
type reportQuery struct {
	Item, Store, From, To, By string
	Without                   bool
}

// Encode is the query as an address has it.
func (q reportQuery) Encode() string {
	u := url.Values{}
	for name, value := range map[string]string{"item": q.Item, "store": q.Store, "from": q.From, "to": q.To, "by": q.By} {
		if value != "" {
			u.Set(name, value)
		}
	}
	if q.Without {
		u.Set("without", "1")
	}
	return u.Encode()
}

type reportData struct {
	Def      report.Definition
	Title    string
	What     string
	Query    reportQuery
	ItemName string
	Unit     string   // of the item
	Currency string   // that values are in, where the central data says so
	Items    []option // to choose one from
	Stores   []option
	Bys      []option
	Columns  []reportColumn
	Rows     [][]reportCell
	Found    int
	Page     int
	Pages    int
	Pager    pager
	Totals   []reportTotal
	Chart    []chartBar
	ChartOf  string
	Fresh    []freshRow
	Reported int        // stores that it could say that of
	Oldest   time.Time  // when the part that is longest out of date was complete
	Late     []freshRow // parts that are days old, and of copies that are not kept up, the worst first
	Lates    int        // how many there are; the first few are named
	Absent   []freshRow // stores that are not in it
	Missing  int        // how many there are
	Notes    []string
	At       time.Time
	CSV      string
	XLSX     string
	Trouble  *problem
}

type reportColumn struct {
	Words  string
	Number bool
}

type reportTotal struct{ Words, Value string }

type freshRow struct {
	report.Freshness
	State saying
	Light central.Light
}

// reportPage asks a report and shows its answer: totals, a chart, the table, and how
// fresh each store's part is (R-J-01 to R-J-11).
func (c *console) reportPage(v *Visit) error {
	def, q, err := c.reportAsked(v)
	if err != nil {
		return err
	}
	d := reportData{Def: def, Title: v.reportTitle(def), What: v.T("report." + def.Name + ".what"), Query: q}
	if d.Stores, err = v.storeOptions(q.Store); err != nil {
		return err
	}
	for _, by := range def.By {
		d.Bys = append(d.Bys, option{string(by), v.T("report.by." + string(by)), string(by) == q.By})
	}
	if def.Item && q.Item != "" {
		if d.Query.Item, d.ItemName, d.Items, err = c.itemAsked(v, q.Item); err != nil {
			return err
		}
		if len(d.Items) > 0 || d.Query.Item == "" {
			return v.page("report", d.Title, d) // which one?
		}
	}
	t, err := c.ask(v, def.Name, d.Query, pageOf(v) > 1)
	if err != nil {
		wrong := problemOf(err)
		if wrong.Code != atoll.Invalid && wrong.Code != atoll.NotHere {
			return err
		}
		d.Trouble = &wrong
		return v.pageAs(wrong.Status, "report", d.Title, d)
	}
	v.answer(&d, t)
	if d.Unit, err = c.unitOf(v, atoll.ID(d.Query.Item)); err != nil {
		return err
	}
	if d.Currency, err = c.homeCurrency(v, t); err != nil {
		return err
	}
	return v.page("report", d.Title, d)
}

// reportFile is the answer as a file, all rows of it.
func (c *console) reportFile(v *Visit) error {
	def, q, err := c.reportAsked(v)
	if err != nil {
		return err
	}
	format := report.Format(v.R.FormValue("format"))
	if format != report.CSV && format != report.XLSX {
		return atoll.Errorf(atoll.Invalid, "there is no such form of a file").On("format")
	}
	t, err := c.ask(v, def.Name, q, false)
	if err != nil {
		return err
	}
	v.attach(format.ContentType(), t.Filename(format))
	if err := t.Write(v, format); err != nil { // it has begun, so an error can only end it
		c.Log.WarnContext(v.ctx(), "a report was not written to its end", "report", def.Name, "err", err)
	}
	return nil
}

func (c *console) reportAsked(v *Visit) (report.Definition, reportQuery, error) {
	def, ok := report.Named(v.R.PathValue("name"))
	if !ok || def.Name == "sync" && c.Centre == nil {
		return def, reportQuery{}, atoll.Errorf(atoll.NotFound, "there is no report %.60q", v.R.PathValue("name"))
	}
	form := v.R.URL.Query()
	q := reportQuery{Item: strings.TrimSpace(form.Get("item")), Store: form.Get("store"), By: form.Get("by")}
	if !def.Item {
		q.Item = ""
	}
	if def.Period {
		q.From, q.To = form.Get("from"), form.Get("to")
	}
	if def.Transfers {
		q.Without = form.Get("without") != ""
	}
	return def, q, nil
}

func (q reportQuery) asking(v *Visit) station.Asking {
	a := station.Asking{Item: q.Item, From: q.From, To: q.To, By: q.By, WithoutTransfers: q.Without, Only: v.User.Reported()}
	if q.Store != "" {
		a.Stores = []string{q.Store}
	}
	return a
}

// unitOf is what one of an item is: a tablet, a vial. Empty where nobody said it.
func (c *console) unitOf(v *Visit, item atoll.ID) (string, error) {
	if item == "" {
		return "", nil
	}
	rec, err := c.Station.Record(v.ctx(), atoll.Key{Type: "item", ID: item})
	if err != nil {
		return "", err
	}
	unit := atoll.Key{Type: "unit", ID: rec.Fields.ID("unit_id")}
	names, err := c.names(v, []atoll.Key{unit})
	return names[unit], err
}

// homeCurrency is the currency of a table's values, where it has values and the central
// data names the country's own.
func (c *console) homeCurrency(v *Visit, t *report.Table) (string, error) {
	if !slices.ContainsFunc(t.Columns, func(col report.Column) bool { return strings.HasSuffix(col.Name, "value") }) {
		return "", nil
	}
	return c.currencyHere(v)
}

// currencyHere is the country's own currency, where the central data names it.
func (c *console) currencyHere(v *Visit) (string, error) {
	recs, _, err := c.Station.Records(v.ctx(), storage.Query{Type: "currency", Limit: mostPick})
	for _, rec := range recs {
		if rec.Fields.Bool("is_home_currency", false) {
			return rec.Fields.Text("code"), err
		}
	}
	return "", err
}

// itemAsked finds the item that somebody means: by id, by code, or by words in it.
// When it could be several, these are to choose from.
func (c *console) itemAsked(v *Visit, want string) (id, name string, choose []option, err error) {
	def, ok := c.Catalogue.Lookup("item")
	if !ok {
		return "", "", nil, nil
	}
	if parsed, perr := atoll.ParseID(want); perr == nil {
		rec, err := c.Station.Record(v.ctx(), atoll.Key{Type: "item", ID: parsed})
		return string(parsed), called(def, rec.Fields), nil, err
	}
	found, _, err := c.Station.Records(v.ctx(), storage.Query{Type: "item", Where: map[string]string{"code": want}, Limit: 2})
	if err == nil && len(found) != 1 {
		found, _, _, err = c.search(v, def, storage.Query{Type: "item"}, want)
	}
	if err != nil || len(found) == 0 {
		return "", "", nil, err
	}
	exact := slices.DeleteFunc(slices.Clone(found), func(r station.Record) bool { return !strings.EqualFold(called(def, r.Fields), want) })
	if len(exact) == 1 {
		found = exact
	}
	if len(found) == 1 {
		return string(found[0].ID), called(def, found[0].Fields), nil, nil
	}
	for _, rec := range found {
		choose = append(choose, option{Value: string(rec.ID), Words: itemWords(rec)})
	}
	return "", "", choose, nil
}

func itemWords(rec station.Record) string {
	words := called(rec.Def, rec.Fields)
	if code := rec.Fields.Text("code"); code != "" && code != words {
		words += " (" + code + ")"
	}
	return words
}

// pageOf is the page of an answer that is asked for; no number is the first.
func pageOf(v *Visit) int {
	n, _ := strconv.Atoi(v.R.FormValue("page"))
	return n
}

// fresh says how fresh each store's part is, and which have none (R-J-06).
func (v *Visit) fresh(d *reportData, t *report.Table) {
	for _, f := range t.Stores {
		if !v.User.Sees(f.Store) {
			continue
		}
		row := freshRow{Freshness: f, State: saying{Key: "standing." + string(f.Standing)}, Light: central.Green}
		switch {
		case !f.Reported:
			row.Light = central.Grey
		case f.Standing == report.Copy:
			if !f.LastSync.IsZero() && (d.Oldest.IsZero() || f.LastSync.Before(d.Oldest)) {
				d.Oldest = f.LastSync
			}
			switch age := v.c.Now().Sub(f.LastSync); {
			case f.LastSync.IsZero() || age > 30*24*time.Hour:
				row.Light = central.Red
			case age > 3*24*time.Hour:
				row.Light = central.Amber
			}
		case f.Standing != report.Own:
			row.Light = central.Amber
		}
		d.Fresh = append(d.Fresh, row)
	}
	d.Reported = len(d.Fresh)
	slices.SortStableFunc(d.Fresh, func(a, b freshRow) int {
		return central.UrgencyOf(a.Light, a.LastSync).Compare(central.UrgencyOf(b.Light, b.LastSync))
	})
	for _, row := range d.Fresh {
		switch {
		case !row.Reported:
			d.Absent = append(d.Absent, row)
		case row.Light != central.Green:
			d.Late = append(d.Late, row)
		}
	}
	d.Lates, d.Missing = len(d.Late), len(d.Absent)
	d.Late, d.Absent = d.Late[:min(d.Lates, mostNamed)], d.Absent[:min(d.Missing, mostNamed)]
	d.Fresh = d.Fresh[:min(len(d.Fresh), freshRows)]
}
