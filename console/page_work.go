package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// work is one kind of work at a store: a list, and what its forms ask for.
type work struct {
	Path    string
	Type    atoll.Type
	Kind    string   // of documents whose type has kinds
	Columns []string // of the list
	New     []string // fields that a new one asks for; none: it is not made here
	Lines   []string // fields of a line that people enter
}

// works are the kinds of work, in the order of the page.
var works = []work{
	{"stock", "stock_line", "", []string{"item_id", "total_number_of_packs", "available_number_of_packs", "pack_size", "batch", "expiry_date", "location_id"}, nil, nil},
	{"customer-invoices", "invoice", documents.CustomerInvoice, paperColumns, []string{"name_id", "their_reference", "comment"}, []string{"stock_line_id", "number_of_packs"}},
	{
		"supplier-invoices", "invoice", documents.SupplierInvoice, paperColumns,
		[]string{"name_id", "their_reference", "comment"},
		[]string{"item_id", "batch", "expiry_date", "pack_size", "number_of_packs", "cost_price_per_pack", "sell_price_per_pack"},
	},
	{
		"supplier-returns", "invoice", documents.SupplierCredit, paperColumns,
		[]string{"name_id", "their_reference", "comment"},
		[]string{"stock_line_id", "number_of_packs"},
	},
	{
		"customer-returns", "invoice", documents.CustomerCredit, paperColumns,
		[]string{"name_id", "their_reference", "comment"},
		[]string{"item_id", "batch", "expiry_date", "pack_size", "number_of_packs", "cost_price_per_pack", "sell_price_per_pack"},
	},
	{"requests", "requisition", documents.Request, askedColumns, []string{"name_id", "comment"}, []string{"item_id", "requested_quantity"}},
	{"responses", "requisition", documents.Response, askedColumns, nil, []string{"supplied_quantity"}},
	{
		"orders", "purchase_order", "",
		[]string{"status", "name_id", linesOfIt, valueOfIt, "created_at", handOfIt, "reference"},
		[]string{"name_id", "reference", "comment"},
		[]string{"item_id", "requested_pack_size", "requested_quantity", "price_per_pack_before_discount"},
	},
	{
		"receipts", "goods_received", "",
		[]string{"status", "name_id", linesOfIt, valueOfIt, "purchase_order_id", "created_at", "received_date", handOfIt},
		[]string{"name_id", "purchase_order_id", "supplier_reference", "comment"},
		[]string{"item_id", "batch", "expiry_date", "received_pack_size", "number_of_packs_received", "cost_price_per_pack"},
	},
	{
		"stocktakes", "stocktake", "",
		[]string{"status", "description", linesOfIt, "stocktake_date", "created_at", handOfIt},
		[]string{"description", "stocktake_date", "comment"},
		[]string{"stock_line_id", "counted_number_of_packs"},
	},
	{
		"prescriptions", "prescription", "",
		[]string{"status", "patient_id", linesOfIt, "prescriber_id", "created_at", handOfIt},
		[]string{"patient_id", "prescriber_id", "comment"},
		[]string{"stock_line_id", "number_of_packs", "directions"},
	},
	{"payments", "payment", "payment", moneyColumns, moneyFields, nil},
	{"money-in", "payment", "receipt", moneyColumns, moneyFields, nil},
	{
		"patients", patients.Patient, "",
		[]string{"code", "first_name", "last_name", "date_of_birth", "home_store_id"},
		[]string{"last_name", "first_name", "date_of_birth", "gender", "national_health_number", "phone", "comment"},
		nil,
	},
}

var (
	moneyColumns = []string{"status", "name_id", "amount", "their_reference", "entry_date", "created_at", handOfIt}
	moneyFields  = []string{"name_id", "amount", "entry_date", "payment_type_id", "their_reference", "comment"}
)

var (
	paperColumns = []string{"status", "name_id", linesOfIt, valueOfIt, "created_at", handOfIt, "comment"}
	askedColumns = []string{"status", "name_id", linesOfIt, "created_at", handOfIt, "comment"}
)

// Columns of a list that are no fields: what a document comes to, and who made what
// stands of it. Documents that are not numbered yet are told apart by them.
const (
	linesOfIt = "#lines"
	valueOfIt = "#value"
	handOfIt  = "#hand"
)

// workOf returns the kind of work that a document belongs to.
func workOf(t atoll.Type, kind string) (work, bool) {
	i := slices.IndexFunc(works, func(w work) bool { return w.Type == t && (w.Kind == "" || w.Kind == kind) })
	if i < 0 {
		return work{}, false
	}
	return works[i], true
}

// madeAt reports whether such records are made in the store: patients are registered
// where they are served.
func (w work) madeAt(s station.StoreView) bool {
	return len(w.New) > 0 && s.Type == topology.Active && (w.Type != patients.Patient || s.Dispensary)
}

type workData struct {
	Store   station.StoreView
	Stores  []option
	Works   []workTile
	Here    bool // it is worked in here
	MayEdit bool
}

// workTile is one kind of work with how much of it waits for somebody.
type workTile struct {
	work
	Open int
	More bool // than are counted
}

// mostCounted is up to how many open documents of one kind are counted.
const mostCounted = 50

// workPage is where work at a store begins.
func (c *console) workPage(v *Visit) error {
	s, stores, err := c.workStore(v)
	if err != nil {
		return err
	}
	d := workData{Store: s, Stores: stores, Here: s.Type == topology.Active, MayEdit: v.User.Role.May(station.MayEdit)}
	for _, w := range works {
		def, ok := c.Catalogue.Lookup(w.Type)
		if !ok {
			continue
		}
		if !w.madeAt(s) {
			w.New = nil
		}
		tile := workTile{work: w}
		if d.Here {
			if tile.Open, tile.More, err = v.countOpen(def, w, s.ID); err != nil {
				return err
			}
		}
		d.Works = append(d.Works, tile)
	}
	return v.page("work", v.T("work.title"), d)
}

// countOpen counts the documents of one kind of work that wait for somebody.
func (v *Visit) countOpen(def *catalogue.Def, w work, store atoll.ID) (n int, more bool, err error) {
	f, _ := def.Field("status")
	for _, status := range openStatuses {
		if !slices.Contains(f.Values, status) {
			continue
		}
		q := storage.Query{Type: w.Type, Limit: mostCounted, Where: map[string]string{"store_id": string(store), "status": status}}
		v.c.newestFirst(&q, store)
		if w.Kind != "" {
			q.Where["kind"] = w.Kind
		}
		recs, next, err := v.seenRecords(q)
		if err != nil {
			return 0, false, err
		}
		n, more = n+len(recs), more || next != ""
	}
	return min(n, mostCounted), more || n > mostCounted, nil
}

// workStore is the store that the reader works in: the one that was chosen, or else
// the first that is worked in here.
func (c *console) workStore(v *Visit) (s station.StoreView, offer []option, err error) {
	all, err := v.ownStores()
	if err != nil {
		return s, nil, err
	}
	want := v.R.FormValue("store")
	if meant, merr := v.storeMeant(want); want != "" && merr == nil {
		want = string(meant.ID)
	}
	for _, one := range all {
		if one.Type != topology.Active && one.Type != topology.Collector {
			continue // nothing of it is here
		}
		if string(one.ID) == want || want == "" && s.Type != topology.Active && one.Type == topology.Active {
			s = one
		}
		offer = append(offer, option{Value: string(one.ID), Words: storeWords(one)})
	}
	if s.ID == "" && want == "" && len(offer) > 0 {
		s = all[slices.IndexFunc(all, func(o station.StoreView) bool { return string(o.ID) == offer[0].Value })]
	}
	if s.ID == "" && want != "" {
		return s, nil, atoll.Errorf(atoll.NotFound, "there is no store %.60q to work in here", want).Do("choose one of those on the page Work")
	}
	for i := range offer {
		offer[i].Chosen = offer[i].Value == string(s.ID)
	}
	if len(offer) > mostPick {
		offer = nil
	}
	return s, offer, nil
}

type workListData struct {
	Work     work
	Def      *catalogue.Def
	Store    station.StoreView
	Stores   []option
	Statuses []option
	Status   string
	Q        string
	Heads    []heading
	Rows     []recordRow
	Pager    pager
	More     bool
	MayMake  bool
	Any      bool
	Papers   bool // documents, of which some wait for somebody
	Shelf    *shelfData
}

// heading is what stands above a column of a list.
type heading struct {
	Words  string
	Number bool
}

// openStatuses are those of documents that wait for somebody.
var openStatuses = []string{documents.New, documents.Suggested, documents.Confirmed}

// workList lists the stock, the documents or the patients of a store: what is open
// first, as that is what there is to do.
func (c *console) workList(v *Visit) error {
	w, def, err := c.workAt(v)
	if err != nil {
		return err
	}
	s, stores, err := c.workStore(v)
	if err != nil {
		return err
	}
	d := workListData{Work: w, Def: def, Store: s, Stores: stores, Q: strings.TrimSpace(v.R.FormValue("q")), Status: v.R.FormValue("status")}
	status, has := def.Field("status")
	d.Papers = slices.ContainsFunc(status.Values, func(value string) bool { return slices.Contains(openStatuses, value) })
	if d.Papers {
		d.Statuses = append(d.Statuses, option{"", v.T("work.open"), d.Status == ""})
	}
	if has {
		d.Statuses = append(d.Statuses, option{"all", v.T("work.all"), d.Status == "all" || !d.Papers && d.Status == ""})
		for _, value := range status.Values {
			d.Statuses = append(d.Statuses, option{value, v.valueWords(value), value == d.Status})
		}
	}
	d.Any = d.Q != "" || d.Status != ""
	q := storage.Query{Type: w.Type, Limit: pageRows, After: atoll.ID(v.R.FormValue("after")), Where: map[string]string{}}
	if f, ok := def.Field("store_id"); ok && f.Index && s.ID != "" {
		q.Where["store_id"] = string(s.ID)
		c.newestFirst(&q, s.ID)
	}
	if w.Kind != "" {
		q.Where["kind"] = w.Kind
	}
	var recs []station.Record
	var next atoll.ID
	switch {
	case w.Type == "stock_line" && s.ID != "":
		d.Shelf = &shelfData{EmptyToo: v.R.FormValue("empty") == emptyToo}
		d.Any = d.Any || d.Shelf.EmptyToo
		recs, next, err = c.stockList(v, s.ID, d.Q, q.After, d.Shelf)
	case d.Q != "":
		recs, next, _, err = c.search(v, def, q, strings.TrimPrefix(d.Q, "#"))
	case d.Papers && d.Status == "":
		recs, d.More, err = c.openPapers(v, def, q)
	default:
		if has && d.Status != "" && d.Status != "all" {
			q.Where["status"] = d.Status
		}
		recs, next, err = v.seenRecords(q)
	}
	if atoll.CodeOf(err) == atoll.NotFound && q.After != "" { // what the page before ended with is gone
		v.redirect(v.pager("").First)
		return nil
	}
	if err != nil {
		return err
	}
	if d.Heads, d.Rows, err = c.workRows(v, w, def, recs); err != nil {
		return err
	}
	d.Pager = v.pager(string(next))
	d.MayMake = w.madeAt(s) && v.User.Role.May(station.MayEdit)
	return v.page("worklist", v.T("work."+w.Path), d)
}

// workRows puts the records of a list of work into rows below their headings. Stock is
// known by what it is of.
func (c *console) workRows(v *Visit, w work, def *catalogue.Def, recs []station.Record) ([]heading, []recordRow, error) {
	first := heading{Words: v.T("work.document")}
	columns := slices.DeleteFunc(slices.Clone(w.Columns), func(name string) bool {
		_, ok := def.Field(name)
		return !ok && name[0] != '#'
	})
	rows, err := c.rowsOf(v, def, columns, recs)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case columns[0] == "item_id":
		first.Words, columns = v.fieldWords(def.Type, columns[0]), columns[1:]
		for i, row := range rows {
			rows[i].Name, rows[i].Cells = row.Cells[0].Words, row.Cells[1:]
		}
	case w.Type == patients.Patient:
		first.Words = v.typeWords(w.Type)
	}
	if err := c.tellApart(v, columns, rows); err != nil {
		return nil, nil, err
	}
	heads := []heading{first}
	for _, name := range columns {
		one := heading{v.fieldWords(def.Type, name), numeric(def, name)}
		if name[0] == '#' {
			one = heading{v.T("work." + name[1:]), name != handOfIt}
		}
		heads = append(heads, one)
	}
	for _, row := range rows {
		for i := range row.Cells {
			row.Cells[i].Of = heads[i+1].Words
		}
	}
	return heads, rows, nil
}

// tellApart fills the cells of the columns that are no fields.
func (c *console) tellApart(v *Visit, columns []string, rows []recordRow) error {
	recs := make([]station.Record, len(rows))
	for i, row := range rows {
		recs[i] = row.Record
	}
	var sums map[atoll.ID]worth
	var made map[atoll.Origin]string
	var err error
	if slices.Contains(columns, linesOfIt) {
		if sums, err = c.worths(v, recs); err != nil {
			return err
		}
	}
	if slices.Contains(columns, handOfIt) {
		if made, err = c.hands(v, recs); err != nil {
			return err
		}
	}
	for i, name := range columns {
		for _, row := range rows {
			sum := sums[row.ID]
			switch name {
			case linesOfIt:
				row.Cells[i] = cell{Words: v.number(sum.Lines), Number: true}
				if sum.Cut {
					row.Cells[i].Words = v.T("work.lines.more", "n", sum.Lines)
				}
			case valueOfIt:
				if row.Cells[i] = (cell{Number: true}); sum.Value != "" {
					row.Cells[i].Words = v.money(sum.Total())
				}
			case handOfIt:
				row.Cells[i] = cell{Words: made[row.Origin]}
			}
		}
	}
	return nil
}

// newestFirst has a query for what a store has list what was made last first. All that
// has the field is of the store: nothing else need be filtered by.
func (c *console) newestFirst(q *storage.Query, store atoll.ID) {
	if q.By = c.Catalogue.MadeIn(q.Type, store); q.By != "" {
		q.Falling = true
		delete(q.Where, "store_id")
	}
}

// workAt is the kind of work that the address names.
func (c *console) workAt(v *Visit) (work, *catalogue.Def, error) {
	i := slices.IndexFunc(works, func(w work) bool { return w.Path == v.R.PathValue("work") })
	if i >= 0 {
		if def, ok := c.Catalogue.Lookup(works[i].Type); ok {
			return works[i], def, nil
		}
	}
	return work{}, nil, atoll.Errorf(atoll.NotFound, "there is no work %.60q", v.R.PathValue("work"))
}

// openPapers are the documents that wait for somebody, the newest first.
func (c *console) openPapers(v *Visit, def *catalogue.Def, q storage.Query) (out []station.Record, more bool, err error) {
	f, _ := def.Field("status")
	for _, status := range openStatuses {
		if !slices.Contains(f.Values, status) {
			continue
		}
		one := q
		one.Limit, one.Where = mostPick*2, map[string]string{"status": status}
		for name, value := range q.Where {
			one.Where[name] = value
		}
		recs, next, err := v.seenRecords(one)
		if err != nil {
			return nil, false, err
		}
		out, more = append(out, recs...), more || next != ""
	}
	made := func(r station.Record) string { return c.Catalogue.Index(r.Type, r.Fields)[q.By] }
	slices.SortFunc(out, func(a, b station.Record) int {
		return cmp.Or(strings.Compare(made(b), made(a)), strings.Compare(string(b.ID), string(a.ID)))
	})
	return out, more, nil
}

// rowsOf puts records into rows of a list with the columns, with what they name called
// by name.
func (c *console) rowsOf(v *Visit, def *catalogue.Def, columns []string, recs []station.Record) ([]recordRow, error) {
	var keys []atoll.Key
	for _, rec := range recs {
		keys = append(keys, rec.Key)
		for _, name := range columns {
			if f, _ := def.Field(name); f.Kind == catalogue.Reference {
				keys = append(keys, atoll.Key{Type: f.To, ID: rec.Fields.ID(name)})
			}
		}
	}
	names, err := c.names(v, keys)
	if err != nil {
		return nil, err
	}
	var out []recordRow
	for _, rec := range recs {
		row := recordRow{Record: rec, Name: names[rec.Key]}
		if _, numbered := def.Field("number"); numbered && rec.Fields.Has("status") { // a document
			row.Name = v.documentName(rec.Type, rec.Fields.Text("kind"), rec.Fields.Int("number"))
		}
		for _, name := range columns {
			f, _ := def.Field(name)
			cell := v.cell(f, rec.Fields, names)
			if name == "number" && rec.Fields.Int("number") <= 0 {
				cell.Words = "" // not numbered yet
			}
			if cell.Number {
				cell.Words = v.decimal(cell.Words)
			}
			row.Cells = append(row.Cells, cell)
		}
		out = append(out, row)
	}
	return out, nil
}

// workPath is the address of a list of work in the store.
func workPath(w work, store atoll.ID) string {
	return "/work/" + w.Path + "?store=" + url.QueryEscape(string(store))
}

// versionOf reads the form, and returns the version of the document that it was made for.
func versionOf(v *Visit) (uint64, error) {
	if err := v.R.ParseForm(); err != nil {
		return 0, badForm(err)
	}
	n, err := strconv.ParseUint(v.R.PostFormValue("version"), 10, 62)
	if err != nil {
		return 0, atoll.Errorf(atoll.Invalid, "the form does not say which version was read").Do("open the document again")
	}
	return n, nil
}
