package console

import (
	"cmp"
	"errors"
	"math"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// How much of a report a page shows.
const (
	reportRows = 100 // rows of one page
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

// reportCell is one cell of the answer.
type reportCell struct {
	Words  string
	Time   time.Time
	Link   string
	Number bool
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
	Reported int // stores that it could say that of
	Oldest   time.Time
	Missing  int // stores that are not in it
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

// chartBar is one bar; Part is its length in percent.
type chartBar struct {
	Words, Value, Part string
	Negative           bool
}

type freshRow struct {
	report.Freshness
	State saying
	Light string
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

// answer puts a table into what the page shows.
func (v *Visit) answer(d *reportData, t *report.Table) {
	d.At, d.Notes, d.Found = t.At, t.Notes, len(t.Rows)
	hidden := func(c report.Column) bool { return c.Name == "id" || c.Name == "stock_line" }
	for _, col := range t.Columns {
		if !hidden(col) {
			d.Columns = append(d.Columns, reportColumn{v.columnWords(col), col.Kind == report.Number})
		}
	}
	d.Pages = max(1, (len(t.Rows)+reportRows-1)/reportRows)
	d.Page = min(max(pageOf(v), 1), d.Pages)
	for n := (d.Page - 1) * reportRows; n < min(d.Page*reportRows, len(t.Rows)); n++ {
		var row []reportCell
		for i, col := range t.Columns {
			if !hidden(col) {
				row = append(row, v.reportCell(t, n, col, t.Rows[n][i]))
			}
		}
		d.Rows = append(d.Rows, row)
	}
	d.Pager = numberPager(v, d.Page, d.Pages)
	one := d.Query.Item != ""
	for _, name := range summed[d.Def.Name] {
		if i := column(t, name); i >= 0 && (one || !counts(name)) {
			d.Totals = append(d.Totals, reportTotal{v.columnWords(t.Columns[i]), v.figure(name, t.Sum(i))})
		}
	}
	v.chart(d, t, one)
	v.fresh(d, t)
	path := "/reports/" + d.Def.Name + "/file?format="
	d.CSV, d.XLSX = path+"csv&"+d.Query.Encode(), path+"xlsx&"+d.Query.Encode()
}

// counts reports whether a column counts units, which are not added up over items.
func counts(name string) bool { return !strings.Contains(name, "value") }

func column(t *report.Table, name string) int {
	return slices.IndexFunc(t.Columns, func(c report.Column) bool { return c.Name == name })
}

// figure is a number as its column has it: money with its cents, and averages, which
// may never end, with two decimals. Files have all of them.
func (v *Visit) figure(name, value string) string {
	if value == "" {
		return ""
	}
	if _, part, _ := strings.Cut(value, "."); len(part) > 3 {
		if exact, ok := new(big.Rat).SetString(value); ok {
			value = exact.FloatString(2)
		}
	}
	if counts(name) {
		return v.decimal(value)
	}
	return v.money(value)
}

func (v *Visit) columnWords(c report.Column) string {
	if key := "column." + c.Name; v.Lang.has(key) {
		return v.T(key)
	}
	return c.Title
}

// spoken are columns whose texts are words of ours.
var spoken = []string{"kind", "status", "answer_status", "line", "basis", "reason"}

func (v *Visit) reportCell(t *report.Table, n int, col report.Column, text string) reportCell {
	cell := reportCell{Words: text, Number: col.Kind == report.Number}
	switch col.Kind {
	case report.Number:
		cell.Words = v.figure(col.Name, text)
	case report.Date:
		if at, err := time.Parse(time.DateOnly, text); err == nil {
			cell.Words = v.day(at)
		}
	case report.Time:
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			cell.Time = at
		}
	case report.Flag:
		if text != "" {
			cell.Words = v.T("value.true")
		}
	case report.Text:
		switch {
		case col.Name == "document" && text != "":
			cell.Words = v.typeWords(atoll.Type(text))
		case col.Name == "reason" && v.Lang.has("reason."+text):
			cell.Words = v.T("reason." + text)
		case slices.Contains(spoken, col.Name) && text != "":
			cell.Words = v.valueWords(text)
		}
	}
	if id := t.Cell(n, "id"); id != "" && col.Name == "number" {
		kind := t.Cell(n, "document")
		if kind == "" {
			kind = "invoice"
		}
		cell.Link, cell.Words = recordPath(atoll.Key{Type: atoll.Type(kind), ID: atoll.ID(id)}), "#"+text
	}
	return cell
}

// chart makes bars of the answer, the longest first; months in their order.
func (v *Visit) chart(d *reportData, t *report.Table, one bool) {
	of, ok := charted[d.Def.Name]
	if !ok {
		return
	}
	pick := of.many
	if one {
		pick = of.one
	}
	name, value := column(t, pick[0]), column(t, pick[1])
	if name < 0 { // all stores together
		name = column(t, "item_name")
	}
	if name < 0 || value < 0 || len(t.Rows) < 2 {
		return
	}
	var order []string
	var sums map[string]string
	if pick[0] == "month" {
		order, sums = t.SumBy(name, value)
		order = order[max(0, len(order)-chartRows):]
	} else {
		var rest string
		var others int
		if order, sums, rest, others = t.Largest(name, value, chartRows); others > 0 {
			words := v.T("report.others")
			order, sums[words] = append(order, words), rest
		}
	}
	most := 0.0
	for _, o := range order {
		most = max(most, math.Abs(float(sums[o])))
	}
	if len(order) < 2 || most == 0 {
		return
	}
	for _, o := range order {
		x := float(sums[o])
		d.Chart = append(d.Chart, chartBar{
			Words: o, Value: v.figure(pick[1], sums[o]), Negative: x < 0, Part: strconv.FormatFloat(math.Abs(x)/most*100, 'f', 1, 64) + "%",
		})
	}
	d.ChartOf = v.columnWords(t.Columns[value])
}

// float is about as much as a decimal says: for lengths, not for sums.
func float(s string) float64 {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return x
}

// fresh says how fresh each store's part is, and which have none (R-J-06).
func (v *Visit) fresh(d *reportData, t *report.Table) {
	for _, f := range t.Stores {
		if !v.User.Sees(f.Store) {
			continue
		}
		row := freshRow{Freshness: f, State: saying{Key: "standing." + string(f.Standing)}, Light: "green"}
		switch {
		case !f.Reported:
			d.Missing++
			row.Light = "grey"
		case f.Standing == report.Copy:
			if d.Oldest.IsZero() || f.LastSync.Before(d.Oldest) {
				d.Oldest = f.LastSync
			}
			switch age := v.c.Now().Sub(f.LastSync); {
			case f.LastSync.IsZero() || age > 30*24*time.Hour:
				row.Light = "red"
			case age > 3*24*time.Hour:
				row.Light = "amber"
			}
		case f.Standing != report.Own:
			row.Light = "amber"
		}
		d.Fresh = append(d.Fresh, row)
	}
	d.Reported = len(d.Fresh)
	slices.SortStableFunc(d.Fresh, func(a, b freshRow) int {
		return cmp.Or(cmp.Compare(worry(a.Light), worry(b.Light)), a.LastSync.Compare(b.LastSync))
	})
	d.Fresh = d.Fresh[:min(len(d.Fresh), freshRows)]
}

// worry is the place of a light in a list that begins with the worst.
func worry(light string) int { return slices.Index([]string{"red", "amber", "grey", "green"}, light) }
