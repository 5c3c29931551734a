package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/station"
)

type reportCmd struct {
	List        reportListCmd        `cmd:"" default:"1" help:"The reports, and what each tells."`
	Stock       reportStockCmd       `cmd:"" help:"Stock on hand by store and item, by batch and expiry date if asked."`
	Value       reportItemCmd        `cmd:"" help:"Value of the stock of each store, and of what is on its way between stores."`
	Use         reportUseCmd         `cmd:"" help:"What went out of each store in each month: to customers, patients, own stores, by adjustment."`
	Consumption reportConsumptionCmd `cmd:"" help:"Average monthly consumption, and how long stock will last."`
	Transit     reportStoresCmd      `cmd:"" help:"What is on its way between stores, and how far it has come."`
	Exceptions  reportStoresCmd      `cmd:"" help:"Documents for other stores that nobody has answered, and why; exit status 5 if there is one."`
	Differences reportItemCmd        `cmd:"" help:"Lines of shipments of which another quantity was received."`
	Sync        reportStoresCmd      `cmd:"" help:"When each site last connected (at the centre); exit status 5 if one has not for a month."`
	Ledger      reportStoresCmd      `cmd:"" help:"Stock lines that are not what their documents say; exit status 5 if there is one."`
	Dashboard   reportDashboardCmd   `cmd:"" help:"Each store at a glance; with --publish (at the centre) its site is sent the result."`
	SQL         reportSQLCmd         `cmd:"" name:"sql" help:"Run one SELECT over the views, which cannot write."`
	Views       reportViewsCmd       `cmd:"" help:"The views that SQL and other tools read, with their columns."`
	Export      reportExportCmd      `cmd:"" help:"Write what the views show to a database file for other tools, without anything else."`
}

// reportOut are the flags about stores and output.
type reportOut struct {
	Store  []string `help:"Only this store: code, name or id; may be repeated." placeholder:"STORE"`
	All    bool     `help:"All stores that can be reported on here; so it is without --store." xor:"stores"`
	Format string   `help:"table, json, csv or xlsx; by the name of --out unless given." enum:"table,json,csv,xlsx," default:"" placeholder:"FORMAT"`
	Out    string   `help:"Write to this file." placeholder:"FILE" type:"path"`
}

type reportListCmd struct{}

// Run lists the reports.
func (reportListCmd) Run(s *session) error {
	var rows [][]string
	list := []map[string]any{}
	for _, d := range report.All {
		rows = append(rows, []string{d.Name, d.Title, d.Words})
		list = append(list, map[string]any{"name": d.Name, "title": d.Title, "words": d.Words, "by": d.By})
	}
	return s.print(list, func() { s.table("", []string{"REPORT", "TITLE", "TELLS"}, rows) })
}

type reportStoresCmd struct{ reportOut }

// Run runs the report that the command is called by.
func (c reportStoresCmd) Run(s *session, k *kong.Context) error {
	return c.run(s, k.Selected().Name, station.Asking{})
}

type reportItemCmd struct {
	reportOut
	Item string `help:"Only this item: code or id." placeholder:"ITEM"`
}

// Run runs the report that the command is called by.
func (c reportItemCmd) Run(s *session, k *kong.Context) error {
	return c.run(s, k.Selected().Name, station.Asking{Item: c.Item})
}

type reportStockCmd struct {
	reportItemCmd
	By string `help:"Add up by item (of each store), batch, or system (an item in all stores together)." enum:"item,batch,system" default:"item"`
}

// Run reports stock on hand.
func (c reportStockCmd) Run(s *session) error {
	return c.run(s, "stock", station.Asking{Item: c.Item, By: c.By})
}

type reportUseCmd struct {
	reportItemCmd
	From             string `help:"First day (2026-01-31) or moment." placeholder:"DAY"`
	To               string `help:"Last day, or moment before which." placeholder:"DAY"`
	ExcludeTransfers bool   `help:"Without what went to own stores."`
}

// Run reports use.
func (c reportUseCmd) Run(s *session) error {
	return c.run(s, "use", station.Asking{Item: c.Item, From: c.From, To: c.To, WithoutTransfers: c.ExcludeTransfers})
}

type reportConsumptionCmd struct {
	reportItemCmd
	To               string `help:"Look back from the end of this day, or from this moment; from now unless given." placeholder:"DAY"`
	ExcludeTransfers bool   `help:"Without what went to own stores."`
}

// Run reports average monthly consumption.
func (c reportConsumptionCmd) Run(s *session) error {
	return c.run(s, "consumption", station.Asking{Item: c.Item, To: c.To, WithoutTransfers: c.ExcludeTransfers})
}

func (c reportOut) run(s *session, name string, a station.Asking) error {
	a.Stores = c.Store
	return s.with(func(h *host.Host) error {
		t, err := h.Station.Ask(s.ctx, name, a)
		if err != nil {
			return err
		}
		if err := c.write(s, t); err != nil {
			return err
		}
		if notWell(t) {
			return unwell
		}
		return nil
	})
}

// notWell reports whether an answer tells of something that is not well.
func notWell(t *report.Table) bool {
	switch t.Report {
	case "ledger", "exceptions":
		return len(t.Rows) > 0
	case "sync":
		for i := range t.Rows {
			if t.Cell(i, "overdue") != "" && t.Cell(i, "disabled") == "" {
				return true
			}
		}
	}
	return false
}

func (c reportOut) write(s *session, t *report.Table) error {
	format := c.Format
	if format == "" && c.Out != "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Out)), ".")
	}
	switch {
	case format == "" && s.globals.JSON:
		format = "json"
	case format == "" || format == "txt":
		format = "table"
	}
	if format == "xlsx" && c.Out == "" {
		return atoll.Errorf(atoll.Invalid, "a workbook is not text").Do("name a file with --out FILE.xlsx")
	}
	if c.Out == "" {
		return s.reportTo(s.out, t, format)
	}
	f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return atoll.Errorf(atoll.Unavailable, "the file cannot be written: %w", err)
	}
	if err := errors.Join(s.reportTo(f, t, format), f.Close()); err != nil {
		return err
	}
	if !s.globals.JSON {
		s.say("%d rows are in %s.", len(t.Rows), c.Out)
	}
	return nil
}

func (s *session) reportTo(out io.Writer, t *report.Table, format string) error {
	if format != "table" {
		return t.Write(out, report.Format(format))
	}
	to := *s
	to.out = out
	to.reportTable(t)
	return nil
}

// reportTable prints an answer as people read it: rows, then what they must know.
func (s *session) reportTable(t *report.Table) {
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = strings.ToUpper(c.Title)
	}
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]string, len(row))
		for n, cell := range row {
			if t.Columns[n].Kind == report.Time && cell != "" {
				if at, err := time.Parse(time.RFC3339, cell); err == nil {
					cell = moment(at)
				}
			}
			if t.Columns[n].Kind == report.Flag && cell != "" {
				cell = "yes"
			}
			if t.Columns[n].Kind == report.Number {
				cell = readable(cell)
			}
			rows[i][n] = cell
		}
	}
	s.table("Nothing.", head, rows)
	s.say("")
	for _, f := range t.Stores {
		if f.Reported {
			s.say("%s (%s): %s", f.Code, f.Name, f.Words)
		}
	}
	for _, n := range t.Notes {
		s.say("%s", n)
	}
}

// readable shortens a number of many decimals: to two of them, or to three digits
// where it is less than one. Files have all.
func readable(cell string) string {
	if _, decimals, _ := strings.Cut(cell, "."); len(decimals) <= 4 {
		return cell
	}
	f, err := strconv.ParseFloat(cell, 64)
	switch {
	case err != nil:
		return cell
	case math.Abs(f) < 1:
		return strconv.FormatFloat(f, 'g', 3, 64)
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}

type reportDashboardCmd struct {
	reportOut
	Publish bool `help:"Send each store's result to its site, with the next exchange."`
}

// Run shows the dashboard, or publishes it.
func (c reportDashboardCmd) Run(s *session) error {
	if !c.Publish {
		return c.run(s, "dashboard", station.Asking{})
	}
	return s.atCentre(func(h *host.Host) error {
		n, err := h.Station.PublishDashboard(s.ctx, s.globals.User)
		if err != nil {
			return err
		}
		return s.print(map[string]int{"changed": n}, func() { s.say("%d results changed; each goes to its store's site.", n) })
	})
}

type reportSQLCmd struct {
	Query  string        `arg:"" help:"One SELECT; views are listed by: atoll report views."`
	Within time.Duration `help:"How long it may take." default:"30s"`
	Format string        `help:"table, json or csv." enum:"table,json,csv," default:"" placeholder:"FORMAT"`
	Limit  int           `help:"The most rows that are printed." default:"100000"`
}

// errEnough ends an answer that has as many rows as were asked for.
var errEnough = atoll.Errorf(atoll.TooLarge, "there are more rows than --limit allows").Do("ask for less, or allow more rows")

// Run runs a query.
func (c reportSQLCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		var names []string
		rows := [][]string{}
		objects := []map[string]any{}
		err := h.Store.Ask(s.ctx, c.Query, c.Within, func(columns []string) error {
			names = append(names, columns...)
			return nil
		}, func(row []*string) error {
			if len(rows) >= c.Limit {
				return errEnough
			}
			cells, object := make([]string, len(row)), map[string]any{}
			for i, v := range row {
				object[names[i]] = nil
				if v != nil {
					cells[i], object[names[i]] = *v, *v
				}
			}
			rows, objects = append(rows, cells), append(objects, object)
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		switch {
		case c.Format == "csv":
			err = errors.Join(writeCSV(s.out, names, rows), err)
		case c.Format == "json" || c.Format == "" && s.globals.JSON:
			e := json.NewEncoder(s.out)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			err = errors.Join(e.Encode(objects), err)
		default:
			s.table("No rows.", names, rows)
		}
		return err
	})
}

func writeCSV(out io.Writer, head []string, rows [][]string) error {
	w := csv.NewWriter(out)
	return errors.Join(w.Write(head), w.WriteAll(rows))
}

type reportExportCmd struct {
	File string `arg:"" help:"The file; one that is there is replaced as a whole." type:"path"`
}

// Run writes a file for other tools.
func (c reportExportCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		if err := h.Store.Export(s.ctx, c.File); err != nil {
			return err
		}
		return s.print(map[string]any{"file": c.File, "views": len(report.Views(h.Catalogue))}, func() { s.say("Written: %s", c.File) })
	})
}

type reportViewsCmd struct{}

// Run lists the views.
func (reportViewsCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		views := report.Views(h.Catalogue)
		list := []map[string]any{}
		var rows [][]string
		for _, v := range views {
			columns := []string{}
			for _, c := range report.ViewColumns(v) {
				columns = append(columns, c.Name)
			}
			list = append(list, map[string]any{"view": "report_" + v.Name, "shows": v.Note, "columns": columns})
			rows = append(rows, []string{"report_" + v.Name, v.Note, strings.Join(columns, ", ")})
		}
		return s.print(list, func() { s.table("", []string{"VIEW", "SHOWS", "COLUMNS"}, rows) })
	})
}
