package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/atollsync/atoll/report"
)

func sample() *report.Table {
	return &report.Table{
		Report: "stock", Title: "Stock on hand", At: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC),
		Columns: []report.Column{
			{Name: "item", Title: "Item", Kind: report.Text}, {Name: "units", Title: "Units", Kind: report.Number}, {Name: "old", Title: "Old", Kind: report.Flag},
		},
		Rows: [][]string{
			{"0012", "12345678901234567890.12", ""}, {"=1+1", "0.1", "true"}, {`a "b", c`, "-3", ""}, {"", "", ""},
		},
		Stores: []report.Freshness{{Code: "B", Name: "Store B", Site: 2, Standing: report.Copy, Reported: true, Words: "as of yesterday"}},
		Notes:  []string{"A note."},
	}
}

func write(t *testing.T, f report.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sample().Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJSONKeepsEveryDigit(t *testing.T) {
	var got struct {
		Rows []struct {
			Item  *string
			Units *json.Number
			Old   *bool
		}
		Stores []report.Freshness
		Notes  []string
	}
	if err := json.Unmarshal(write(t, report.JSON), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != 4 || *got.Rows[0].Item != "0012" || *got.Rows[0].Units != "12345678901234567890.12" || got.Rows[0].Old != nil ||
		!*got.Rows[1].Old || *got.Rows[2].Item != `a "b", c` || got.Rows[3].Units != nil || len(got.Stores) != 1 || len(got.Notes) != 1 {
		t.Errorf("%+v", got)
	}
	var none bytes.Buffer
	if err := (&report.Table{}).WriteJSON(&none); err != nil || !json.Valid(none.Bytes()) || strings.Contains(none.String(), `"stores":null`) {
		t.Errorf("%v: %s", err, none.String())
	}
}

func TestCSVIsNoProgram(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(write(t, report.CSV))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"item", "units", "old"}, {"0012", "12345678901234567890.12", ""}, {"'=1+1", "0.1", "true"}, {`a "b", c`, "-3", ""}, {"", "", ""}}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("%q", rows)
	}
}

func TestWorkbookHasNumbersWhereTheyAreExact(t *testing.T) {
	book, err := excelize.OpenReader(bytes.NewReader(write(t, report.XLSX)))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	for cell, want := range map[string]struct {
		value string
		kind  excelize.CellType
	}{
		"A1": {"Item", excelize.CellTypeInlineString}, "A2": {"0012", excelize.CellTypeInlineString},
		"B2": {"12345678901234567890.12", excelize.CellTypeInlineString}, "A3": {"=1+1", excelize.CellTypeInlineString},
		"B3": {"0.1", excelize.CellTypeUnset}, "C3": {"TRUE", excelize.CellTypeBool}, "B4": {"-3", excelize.CellTypeUnset}, "B5": {"", excelize.CellTypeUnset},
	} {
		got, err := book.GetCellValue("Stock on hand", cell)
		kind, err2 := book.GetCellType("Stock on hand", cell)
		if err != nil || err2 != nil || got != want.value || kind != want.kind {
			t.Errorf("%s is %q of type %d, %v %v; want %q of type %d", cell, got, kind, err, err2, want.value, want.kind)
		}
		if formula, _ := book.GetCellFormula("Stock on hand", cell); formula != "" {
			t.Errorf("%s is the formula %s", cell, formula)
		}
	}
	// R-J-06: how fresh each store is stands in the workbook too.
	about, err := book.GetRows("About")
	if err != nil || len(about) != 4 || about[1][0] != "B" || !slices.Contains(about[3], "A note.") {
		t.Errorf("%v %q", err, about)
	}
}
