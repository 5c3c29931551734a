package report

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
)

// Format is a form in which an answer is written.
type Format string

// The formats.
const (
	JSON Format = "json"
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// Formats lists every format.
var Formats = []Format{JSON, CSV, XLSX}

// ContentType is the media type of the format.
func (f Format) ContentType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8; header=present"
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case JSON:
	}
	return "application/json"
}

// Write writes the answer in the format.
func (t *Table) Write(w io.Writer, f Format) error {
	switch f {
	case CSV:
		return t.WriteCSV(w)
	case XLSX:
		return t.WriteXLSX(w)
	case JSON:
		return t.WriteJSON(w)
	}
	return atoll.Errorf(atoll.Invalid, "unknown format %q", f).Do("choose one of %v", Formats)
}

// WriteJSON writes one JSON object: rows are objects, numbers are JSON numbers with
// every digit, and empty cells are left out.
func (t *Table) WriteJSON(w io.Writer) error {
	b := bufio.NewWriterSize(w, 64<<10)
	head := func(name string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte("null")
		}
		_, _ = fmt.Fprintf(b, "%q:%s,", name, text)
	}
	_ = b.WriteByte('{')
	head("report", t.Report)
	head("title", t.Title)
	head("at", t.At.UTC())
	head("position", t.Position)
	head("stores", list(t.Stores))
	head("notes", list(t.Notes))
	head("columns", t.Columns)
	_, _ = b.WriteString(`"rows":[`)
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = strconv.Quote(c.Name) + ":"
	}
	for n, row := range t.Rows {
		if n > 0 {
			_ = b.WriteByte(',')
		}
		_, _ = b.WriteString("\n{")
		first := true
		for i, cell := range row {
			if cell == "" {
				continue
			}
			if !first {
				_ = b.WriteByte(',')
			}
			first = false
			_, _ = b.WriteString(names[i])
			if k := t.Columns[i].Kind; k == Number || k == Flag {
				_, _ = b.WriteString(cell)
				continue
			}
			text, err := json.Marshal(cell)
			if err != nil {
				return err
			}
			_, _ = b.Write(text)
		}
		_ = b.WriteByte('}')
	}
	_, _ = b.WriteString("]}\n")
	return b.Flush()
}

func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

// WriteCSV writes the rows as RFC 4180 has it, under the names of the columns.
// What the stores and notes say is not in it: it is for programs. A text that a
// spreadsheet would take for a formula is written with an apostrophe before it.
func (t *Table) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	head := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		head[i] = col.Name
	}
	if err := c.Write(head); err != nil {
		return err
	}
	line := make([]string, len(head))
	for _, row := range t.Rows {
		for i, cell := range row {
			if line[i] = cell; t.Columns[i].Kind == Text && cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				line[i] = "'" + cell
			}
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

const sheetRows = 1_048_575 // of data in one sheet, below its head

// WriteXLSX writes a workbook: the rows, then a sheet that says how fresh each
// store is. A number that a spreadsheet keeps exactly is a number there; any other
// is text, with all its digits.
func (t *Table) WriteXLSX(w io.Writer) (err error) {
	book := excelize.NewFile()
	defer func() {
		if cerr := book.Close(); err == nil {
			err = cerr
		}
	}()
	bold, err := book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	title := sheetName(t.Title)
	if err := book.SetSheetName("Sheet1", title); err != nil {
		return err
	}
	for part := 0; part == 0 || part*sheetRows < len(t.Rows); part++ {
		name := title
		if part > 0 {
			name = fmt.Sprintf("%s %d", title, part+1)
			if _, err := book.NewSheet(name); err != nil {
				return err
			}
		}
		if err := sheet(book, name, bold, t.Columns, t.Rows[part*sheetRows:min(len(t.Rows), (part+1)*sheetRows)]); err != nil {
			return err
		}
	}
	const about = "About"
	if _, err := book.NewSheet(about); err != nil {
		return err
	}
	columns, rows := t.about()
	if err := sheet(book, about, bold, columns, rows); err != nil {
		return err
	}
	return book.Write(w)
}

// about are the rows that say how fresh an answer is.
func (t *Table) about() ([]Column, [][]string) {
	columns := []Column{
		{"store", "Store", Text},
		{"store_name", "Store name", Text},
		{"site", "Site", Number},
		{"standing", "Standing", Text},
		{"reported", "In this report", Flag},
		{"last_sync", "Last complete sync", Time},
		{"words", "In words", Text},
	}
	rows := [][]string{}
	for _, f := range t.Stores {
		rows = append(rows, []string{f.Code, f.Name, f.Site.String(), string(f.Standing), flag(f.Reported), stamp(f.LastSync), f.Words})
	}
	for _, n := range append([]string{t.Title + ", " + stamp(t.At)}, t.Notes...) {
		rows = append(rows, []string{"", "", "", "", "", "", n})
	}
	return columns, rows
}

func sheetName(title string) string {
	title = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:\/?*[]`, r) {
			return ' '
		}
		return r
	}, title)
	return title[:min(len(title), 27)]
}

func sheet(book *excelize.File, name string, bold int, columns []Column, rows [][]string) error {
	s, err := book.NewStreamWriter(name)
	if err != nil {
		return err
	}
	if err := s.SetColWidth(1, len(columns), 16); err != nil {
		return err
	}
	if err := s.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	cells := make([]any, len(columns))
	for i, c := range columns {
		cells[i] = excelize.Cell{StyleID: bold, Value: c.Title}
	}
	if err := s.SetRow("A1", cells); err != nil {
		return err
	}
	for n, row := range rows {
		for i, cell := range row {
			cells[i] = sheetCell(columns[i].Kind, cell)
		}
		if err := s.SetRow("A"+strconv.Itoa(n+2), cells); err != nil {
			return err
		}
	}
	return s.Flush()
}

// sheetCell is a cell as a spreadsheet has it.
func sheetCell(k Kind, cell string) any {
	switch {
	case cell == "":
		return nil
	case k == Flag:
		return cell == "true"
	case k == Number:
		if f, ok := sheetNumber(cell); ok {
			return f
		}
	}
	return cell
}

// sheetNumber returns a number that survives a spreadsheet exactly: these hold
// fifteen significant digits.
func sheetNumber(cell string) (float64, bool) {
	digits := strings.TrimLeft(strings.NewReplacer("-", "", ".", "").Replace(cell), "0")
	if len(digits) > 15 {
		return 0, false
	}
	f, err := strconv.ParseFloat(cell, 64)
	if err != nil || documents.Compare(strconv.FormatFloat(f, 'f', -1, 64), cell) != 0 {
		return 0, false
	}
	return f, true
}

// Filename is what a file with the answer is called.
func (t *Table) Filename(f Format) string {
	return fmt.Sprintf("%s-%s.%s", t.Report, t.At.UTC().Format(time.DateOnly), f)
}
