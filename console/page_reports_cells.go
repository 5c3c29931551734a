package console

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/report"
)

// reportCell is one cell of the answer.
type reportCell struct {
	Words  string
	Time   time.Time
	Link   string
	Number bool
}

// chartBar is one bar; Part is its length in percent.
type chartBar struct {
	Words, Value, Part string
	Negative           bool
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
