package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/transfer"
)

// ledger lists the stock lines that are not what their documents say (R-J-09).
func ledger(d *Desk, a *asked, t *Table) error {
	store := atoll.ID("")
	if len(a.stores) == 1 {
		for id := range a.stores {
			store = id
		}
	}
	found, err := documents.Desk{R: d.R, T: d.T, Now: d.Now}.CheckStock(d.Here, store)
	if err != nil {
		return err
	}
	t.Columns = []Column{
		{"store", "Store", Text},
		{"store_name", "Store name", Text},
		{"item", "Item", Text},
		{"item_name", "Item name", Text},
		{"batch", "Batch", Text},
		{"stock_line", "Stock line", Text},
		{"packs", "Packs", Number},
		{"reserved", "Reserved", Number},
		{"ledger_packs", "Packs by documents", Number},
		{"ledger_reserved", "Reserved by documents", Number},
		{"lowest", "Lowest balance", Number},
	}
	var ids []atoll.ID
	for _, x := range found.Differences {
		ids = append(ids, x.Item)
	}
	items, err := d.itemsOf(ids)
	if err != nil {
		return err
	}
	silent := a.silent()
	for _, x := range found.Differences {
		s, ok := a.stores[x.Store]
		if _, is := silent[x.Store]; is || !ok {
			continue
		}
		item := items.place([]byte(x.Item))
		lowest := ""
		if x.Lowest != "" {
			lowest = number(x.Lowest).String()
		}
		t.Rows = append(t.Rows, []string{
			s.Code, s.Name, items.codes[item], items.names[item], x.Batch, string(x.StockLine), number(x.Total).String(), number(x.Reserved).String(),
			number(x.Ledger.Total).String(), number(x.Ledger.Reserved).String(), lowest,
		})
	}
	slices.SortStableFunc(t.Rows, slices.Compare)
	if found.Spared != "" {
		t.Notes = append(t.Notes, fmt.Sprintf("Documents settled before %s are not all here, so what was in stock before is worked out; the central server compares all of it.", found.Spared[:10]))
	}
	if store != "" || a.all {
		t.Notes = append(t.Notes, fmt.Sprintf("%d stock lines were compared with %d lines of documents.", found.Lines, found.Postings))
	}
	a.noted(t)
	return nil
}

// transit lists the transfers under way from or to the stores (R-D-11, R-D-27).
func transit(d *Desk, a *asked, t *Table) error { return d.transfers(a, t, transfer.Filter{}) }

// exceptions lists those of them that have no responding half (R-D-52).
func exceptions(d *Desk, a *asked, t *Table) error {
	return d.transfers(a, t, transfer.Filter{Exceptions: true})
}

func (d *Desk) transfers(a *asked, t *Table, f transfer.Filter) error {
	var contact func(atoll.SiteID) time.Time
	if d.LastSync != nil && d.Here == d.T.Centre() {
		contact = func(s atoll.SiteID) time.Time {
			at, err := d.LastSync(s)
			if err != nil {
				return time.Time{}
			}
			return at
		}
	}
	all, err := transfer.List(d.R, d.T, d.Now, f, contact)
	if err != nil {
		return err
	}
	t.Columns = []Column{
		{"from", "From", Text},
		{"to", "To", Text},
		{"document", "Document", Text},
		{"kind", "Kind", Text},
		{"number", "Number", Number},
		{"status", "Status", Text},
		{"answer_status", "Status of the answer", Text},
		{"since", "Since", Time},
		{"days", "Days", Number},
		{"old", "Old", Flag},
		{"in_transit", "Goods in transit", Flag},
		{"value", "Value at sell price", Number},
		{"exception", "Exception", Flag},
		{"reason", "Reason", Text},
		{"words", "In words", Text},
		{"id", "Id", Text},
	}
	for _, x := range all {
		if !a.has(x.From.ID) && !a.has(x.To.ID) {
			continue
		}
		numbered, answer, worth := "", "", ""
		if x.Initiating.Number != 0 {
			numbered = strconv.FormatInt(x.Initiating.Number, 10)
		}
		if x.Responding != nil {
			answer = x.Responding.Status
		}
		if x.Value != "" {
			worth = number(x.Value).String()
		}
		t.Rows = append(t.Rows, []string{
			x.From.Code, x.To.Code, string(x.Initiating.Type), x.Initiating.Kind, numbered, x.Initiating.Status, answer, stamp(x.Since), strconv.Itoa(x.Days),
			flag(x.Old), flag(x.InTransit), worth, flag(x.Exception), string(x.Reason), x.Words, string(x.Initiating.ID),
		})
	}
	a.noted(t)
	return nil
}

// differences lists the lines of shipments that were received otherwise than sent
// (R-D-29).
func differences(d *Desk, a *asked, t *Table) error {
	store := atoll.ID("")
	if len(a.stores) == 1 {
		for id := range a.stores {
			store = id
		}
	}
	all, err := transfer.Differences(d.R, store)
	if err != nil {
		return err
	}
	var ids []atoll.ID
	for _, x := range all {
		ids = append(ids, x.Item)
	}
	items, err := d.itemsOf(ids)
	if err != nil {
		return err
	}
	t.Columns = []Column{
		{"from", "From", Text},
		{"to", "To", Text},
		{"number", "Number", Number},
		{"item", "Item", Text},
		{"item_name", "Item name", Text},
		{"batch", "Batch", Text},
		{"pack_size", "Pack size", Number},
		{"sent", "Packs sent", Number},
		{"received", "Packs received", Number},
		{"missing", "Packs missing", Number},
		{"id", "Id", Text},
	}
	for _, x := range all {
		from, ok := a.stores[x.From]
		if !ok {
			continue
		}
		to, _ := d.T.Store(x.To)
		if !a.wants([]byte(x.Item)) {
			continue
		}
		item := items.place([]byte(x.Item))
		t.Rows = append(t.Rows, []string{
			from.Code, to.Code, strconv.FormatInt(x.Number, 10), items.codes[item], items.names[item], x.Batch, number(x.PackSize).String(),
			number(x.Sent).String(), number(x.Received).String(), number(x.Difference).String(), string(x.Invoice),
		})
	}
	a.noted(t)
	return nil
}

// contacts is the sync report: when each site last connected, those marked that
// have not for a month (R-I-20). Only the central server knows.
func contacts(d *Desk, a *asked, t *Table) error {
	if d.LastContact == nil || d.Here != d.T.Centre() {
		return atoll.Errorf(atoll.NotHere, "who synchronised when is known at the central server").Do("ask there; how this site stands: atoll status")
	}
	t.Columns = []Column{
		{"site", "Site", Number},
		{"name", "Name", Text},
		{"kind", "Kind", Text},
		{"stores", "Stores", Text},
		{"last_contact", "Last contact", Time},
		{"days", "Days", Number},
		{"overdue", "Overdue", Flag},
		{"last_sync", "Last complete sync", Time},
		{"disabled", "Disabled", Flag},
	}
	since := d.Now.AddDate(0, -1, 0)
	for _, s := range d.T.Sites() {
		if s.ID == d.T.Centre() {
			continue
		}
		names, asked := []string{}, false
		for _, id := range d.T.Active(s.ID) {
			store, _ := d.T.Store(id)
			asked = asked || slices.ContainsFunc(a.fresh, func(f Freshness) bool { return f.Store == id })
			names = append(names, store.Code)
		}
		slices.Sort(names)
		if !asked && (len(a.Stores) > 0 || len(a.Only) > 0) {
			continue
		}
		last, err := d.LastContact(s.ID)
		if err != nil {
			return err
		}
		complete, err := d.LastSync(s.ID)
		if err != nil {
			return err
		}
		days := ""
		if !last.IsZero() {
			days = strconv.Itoa(int(d.Now.Sub(last) / day))
		}
		t.Rows = append(t.Rows, []string{
			s.ID.String(), s.Name, string(s.Kind), strings.Join(names, " "), stamp(last), days, flag(last.Before(since)), stamp(complete), flag(s.Disabled),
		})
	}
	return nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func flag(b bool) string {
	if b {
		return "true"
	}
	return ""
}
