package console

import (
	"errors"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/transfer"
)

// choice is one thing that may be done with a document, or not, and why.
type choice struct {
	Action  documents.Action
	Sure    bool // it cannot be taken back: asked for once more
	Primary bool
	Why     reason // for which there may be words
	Detail  string // in English
	Hint    string
}

// place is where its button stands: the next step first, what undoes the work last.
func (c choice) place() int {
	switch {
	case c.Primary:
		return 0
	case c.Sure:
		return 2
	}
	return 1
}

// lineRow is one line of a document.
type lineRow struct {
	station.Record
	Cells  []cell
	Inputs []input
}

// docData is what a record's page shows of a document besides its fields.
type docData struct {
	Version uint64
	Key     atoll.Key
	Status  string
	Work    string // the address of the list that it is in
	WorkKey string
	May     []choice
	Not     []choice
	Line    *catalogue.Def
	Heads   []heading
	Lines   []lineRow
	Sum     worth   // of the lines
	In      string  // the currency of prices, where the central data names it
	Enter   []input // of a new line; none where no line is added
	Edits   bool    // lines may be changed
	Find    string
	Adjust  bool // it is stock that may be adjusted
}

// common are columns of lines that are shown besides what people enter.
var common = []string{"item_id", "batch", "expiry_date", "pack_size"}

// irrevocable are the acts that cannot be taken back.
var irrevocable = []documents.Action{documents.Finalise, documents.Receive, documents.Cancel, documents.Delete, documents.Deny}

// docOf is what a record's page shows of a document: its lines, what may be done with
// it now, and why the rest may not. Nil for records that are no documents.
func (c *console) docOf(v *Visit, rec station.Record) (*docData, error) {
	edits := v.User.Role.May(station.MayEdit) && rec.Editable
	if rec.Type == "stock_line" {
		return &docData{Key: rec.Key, Version: rec.Version, Adjust: edits}, nil
	}
	line, _, ok := documents.LineOf(rec.Type)
	if !ok {
		return nil, nil //nolint:nilnil // most records are no documents
	}
	doc, err := c.Station.Document(v.ctx(), rec.Key)
	if err != nil {
		return nil, err
	}
	d := &docData{Key: rec.Key, Version: rec.Version, Status: rec.Fields.Text("status"), Find: strings.TrimSpace(v.R.FormValue("find"))}
	w, known := workOf(rec.Type, rec.Fields.Text("kind"))
	if known {
		d.Work, d.WorkKey = workPath(w, rec.Fields.ID("store_id")), "work."+w.Path
	}
	for _, ch := range doc.Choices {
		if ch.Action == documents.EditLines {
			d.Edits = ch.Allowed && edits
		}
		if ch.Action == documents.Edit || ch.Action == documents.EditLines {
			continue // forms, not buttons
		}
		one := choice{
			Action: ch.Action, Sure: slices.Contains(irrevocable, ch.Action), Primary: ch.Action == documents.Finalise || ch.Action == documents.Receive,
			Why: reason{Name: ch.Reason, Args: ch.Args}, Detail: ch.Why, Hint: ch.Hint,
		}
		if ch.Allowed && !edits {
			one.Why = reason{Name: "role"}
		}
		if ch.Allowed && edits {
			d.May = append(d.May, one)
		} else {
			d.Not = append(d.Not, one)
		}
	}
	if err := c.offerAskBack(v, d, rec, edits); err != nil {
		return nil, err
	}
	slices.SortStableFunc(d.May, func(a, b choice) int { return a.place() - b.place() })
	if line == "" {
		return d, nil
	}
	if d.Line, ok = c.Catalogue.Lookup(line); !ok {
		return d, nil
	}
	return d, c.docLines(v, d, w, rec, doc.Lines)
}

// askBack asks the other store to give up goods on their way to it (R-D-39).
const askBack = documents.Action("ask_back")

// offerAskBack offers to ask goods back where they went to another store, or says why
// they cannot be.
func (c *console) offerAskBack(v *Visit, d *docData, rec station.Record, edits bool) error {
	kind := rec.Fields.Text("kind")
	if rec.Type != "invoice" || kind != documents.CustomerInvoice && kind != documents.SupplierCredit || !rec.Fields.Has("partner_store_id") || !rec.Editable {
		return nil
	}
	one := choice{Action: askBack, Sure: true}
	var no *atoll.Error
	switch err := c.Station.MayAskBack(v.ctx(), rec.ID); {
	case err == nil && edits:
		d.May = append(d.May, one)
		return nil
	case err == nil:
		one.Why = reason{Name: "role"}
	case errors.As(err, &no):
		one.Why, one.Detail, one.Hint = no.Why(), no.Message, no.Hint
	default:
		return err
	}
	d.Not = append(d.Not, one)
	return nil
}

// docLines puts the lines into the page, with what may be changed of each.
func (c *console) docLines(v *Visit, d *docData, w work, rec station.Record, lines []station.Record) error {
	var columns []string
	for _, name := range append(slices.Clone(common), w.Lines...) {
		if _, ok := d.Line.Field(name); ok && name != "stock_line_id" && !slices.Contains(columns, name) {
			columns = append(columns, name)
			d.Heads = append(d.Heads, heading{v.fieldWords(d.Line.Type, name), numeric(d.Line, name)})
		}
	}
	rows, err := c.rowsOf(v, d.Line, columns, lines)
	if err != nil {
		return err
	}
	if err := c.sumUp(v, d, rec, rows); err != nil {
		return err
	}
	for _, row := range rows {
		for i := range row.Cells {
			row.Cells[i].Of = d.Heads[i].Words
		}
		one := lineRow{Record: row.Record, Cells: row.Cells}
		if d.Edits {
			for _, name := range w.Lines {
				if f, ok := d.Line.Field(name); ok && f.Kind != catalogue.Reference {
					one.Inputs = append(one.Inputs, input{Field: name, Kind: f.Kind, Value: v.written(f, row.Fields)})
				}
			}
		}
		d.Lines = append(d.Lines, one)
	}
	if !d.Edits || rec.Fields.Text("kind") == documents.Response {
		return nil
	}
	for _, name := range w.Lines {
		f, ok := d.Line.Field(name)
		if !ok {
			continue
		}
		in := input{Field: name, Kind: f.Kind, To: f.To, Required: name == "item_id" || name == "stock_line_id" || strings.Contains(name, "quantity") || strings.HasPrefix(name, "number_of")}
		if v.R.PostFormValue("line") == "" { // what was entered stands until it is taken
			in.Value = v.R.PostFormValue("f." + name)
		}
		switch {
		case name == "stock_line_id":
			if in.Options, err = c.stockOptions(v, rec.Fields.ID("store_id"), d.Find, rec.Type == "stocktake"); err != nil {
				return err
			}
			for i, o := range in.Options {
				in.Options[i].Chosen = o.Value == in.Value
			}
		case f.Kind == catalogue.Reference: // an item is found by its code, or words of its name
			if err := c.choosable(v, d.Line, f, &in); err != nil {
				return err
			}
		}
		d.Enter = append(d.Enter, in)
	}
	return nil
}

// sumUp says what each line comes to, and all of them, where they have prices.
func (c *console) sumUp(v *Visit, d *docData, rec station.Record, rows []recordRow) (err error) {
	p, ok := pricedIn(rec.Type, rec.Fields.Text("kind"))
	if !ok {
		return nil
	}
	for i, row := range rows {
		var one worth
		for _, sum := range []*worth{&one, &d.Sum} {
			sum.add(p, noted(rec.Fields, "tax_percent"), func(field string) string { return noted(row.Fields, field) })
		}
		cell := cell{Number: true}
		if one.Value != "" {
			cell.Words = v.money(one.Value)
		}
		rows[i].Cells = append(row.Cells, cell)
	}
	d.Heads = append(d.Heads, heading{v.T("work.value"), true})
	if d.Sum.Value != "" {
		d.In, err = c.currencyHere(v)
	}
	return err
}

// choosable has a reference of a new line chosen by words.
func (c *console) choosable(v *Visit, line *catalogue.Def, f catalogue.Field, in *input) error {
	a, asked := v.asks[f.Name]
	in.lookup, in.Choose = lookup{Asked: asked, asking: a}, choosePath(line, f, "")
	key := atoll.Key{Type: f.To, ID: atoll.ID(in.Value)}
	names, err := c.names(v, []atoll.Key{key})
	in.Picked = names[key]
	return err
}

// stockOptions is the stock of a store to choose from, narrowed by words of the item:
// what is available, or for a count all of it.
func (c *console) stockOptions(v *Visit, store atoll.ID, find string, all bool) ([]option, error) {
	batches, err := c.batches(v, store, find, false)
	if err != nil {
		return nil, err
	}
	batches = slices.DeleteFunc(slices.Clone(batches), func(b batch) bool { return !all && !b.free })
	recs, err := c.linesOf(v, batches[:min(len(batches), mostPick)])
	if err != nil {
		return nil, err
	}
	var keys []atoll.Key
	for _, rec := range recs {
		keys = append(keys, atoll.Key{Type: "item", ID: rec.Fields.ID("item_id")})
	}
	names, err := c.names(v, keys)
	if err != nil {
		return nil, err
	}
	var out []option
	for _, rec := range recs {
		packs := or0(rec.Fields.Number("available_number_of_packs"))
		words := names[atoll.Key{Type: "item", ID: rec.Fields.ID("item_id")}]
		if batch := rec.Fields.Text("batch"); batch != "" {
			words += " · " + batch
		}
		out = append(out, option{Value: string(rec.ID), Words: words + " · " + v.T("doc.packs", "packs", v.decimal(packs), "size", v.decimal(or0(rec.Fields.Number("pack_size"))))})
	}
	return out, nil
}

// actOnDocument does what a button on a document's page says. What stands in the way
// is said on that page.
func (c *console) actOnDocument(v *Visit) error {
	rec, def, err := c.record(v)
	if err != nil {
		return err
	}
	version, err := versionOf(v)
	if err != nil {
		return err
	}
	act := documents.Action(v.R.PostFormValue("do"))
	if _, _, ok := documents.LineOf(def.Type); !ok && act != "adjust" {
		return atoll.Errorf(atoll.Invalid, "such a record has no life cycle").About(rec.Key)
	}
	switch act {
	case "adjust":
		err = c.adjust(v, rec, version)
	case askBack:
		err = c.actOn(v, def.Type, func(d documents.Desk) ([]journal.Proposal, error) {
			if err := standsAt(d, rec.Key, version); err != nil {
				return nil, err
			}
			return transfer.AskCancel(d, rec.ID)
		})
	case "shipment":
		var id atoll.ID
		if id, err = c.prepareShipment(v, rec); err == nil {
			v.tell("done", "doc.shipped")
			v.redirect(recordPath(atoll.Key{Type: "invoice", ID: id}))
			return nil
		}
	case documents.Suggest, documents.Arrive, documents.Confirm, documents.Finalise, documents.Receive, documents.Authorise, documents.Deny, documents.Cancel, documents.Delete:
		err = c.actOn(v, def.Type, func(d documents.Desk) ([]journal.Proposal, error) {
			if err := standsAt(d, rec.Key, version); err != nil {
				return nil, err
			}
			return d.Do(act, rec.Key)
		})
	case documents.Edit, documents.EditLines:
		return atoll.Errorf(atoll.Invalid, "there is no such act").On("do")
	default:
		return atoll.Errorf(atoll.Invalid, "there is no such act").On("do")
	}
	if err != nil {
		return c.withTrouble(v, err)
	}
	v.tell("done", "doc.done."+string(act))
	to := recordPath(rec.Key)
	if w, ok := workOf(rec.Type, rec.Fields.Text("kind")); act == documents.Delete && ok {
		to = workPath(w, rec.Fields.ID("store_id"))
	}
	v.redirect(to)
	return nil
}

// withTrouble shows the record's page again, with what stood in the way.
func (c *console) withTrouble(v *Visit, err error) error {
	wrong := problemOf(err)
	if wrong.Code == atoll.Internal || wrong.Code == atoll.Denied {
		return err
	}
	v.trouble = &wrong
	return c.recordPage(v)
}

// standsAt refuses to act on what has changed since it was read.
func standsAt(d documents.Desk, key atoll.Key, version uint64) error {
	r, err := d.R.Record(key)
	if err != nil || r.Deleted {
		return atoll.Errorf(atoll.NotFound, "there is no such document").About(key)
	}
	if r.Version != version {
		return atoll.Errorf(atoll.Conflict, "version %d was expected, but version %d stands", version, r.Version).About(key).Do("read it again, then repeat the change")
	}
	return nil
}

// adjust adds packs to a stock line or takes them away, for a reason.
func (c *console) adjust(v *Visit, rec station.Record, version uint64) error {
	def, _ := c.Catalogue.Lookup("invoice_line")
	f, _ := def.Field("number_of_packs")
	reason := strings.TrimSpace(v.R.PostFormValue("reason"))
	parsed, err := v.parse(f, strings.TrimSpace(v.R.PostFormValue("packs")))
	if err != nil {
		return err
	}
	packs := string(parsed)
	switch {
	case rec.Type != "stock_line":
		return atoll.Errorf(atoll.Invalid, "only stock is adjusted").About(rec.Key)
	case documents.Sign(packs) == 0:
		return atoll.Errorf(atoll.Invalid, "want a number other than 0").On("packs")
	case reason == "":
		return atoll.Errorf(atoll.Invalid, "an adjustment needs a reason").On("reason")
	}
	return c.actOn(v, "invoice", func(d documents.Desk) ([]journal.Proposal, error) {
		if err := standsAt(d, rec.Key, version); err != nil {
			return nil, err
		}
		if err := c.Station.MayChange(v.User, d, journal.Proposal{Verb: atoll.Update, Key: rec.Key}); err != nil {
			return nil, err
		}
		return d.Adjust(rec.ID, packs, reason)
	})
}

// prepareShipment makes the invoice that supplies what a response still owes.
func (c *console) prepareShipment(v *Visit, rec station.Record) (atoll.ID, error) {
	if rec.Type != "requisition" || rec.Fields.Text("kind") != documents.Response || !rec.Editable {
		return "", atoll.Errorf(atoll.LifeCycle, "only a response requisition of a store here is supplied").About(rec.Key)
	}
	return c.Station.PrepareShipment(v.ctx(), v.User.Name, rec.ID)
}

// changeLines adds a line to a document, changes one, or takes one out.
func (c *console) changeLines(v *Visit) error {
	rec, def, err := c.record(v)
	if err != nil {
		return err
	}
	version, err := versionOf(v)
	if err != nil {
		return err
	}
	w, known := workOf(def.Type, rec.Fields.Text("kind"))
	line, _, ok := documents.LineOf(def.Type)
	lineDef, has := c.Catalogue.Lookup(line)
	if !known || !ok || !has {
		return atoll.Errorf(atoll.Invalid, "such a record has no lines to enter here").About(rec.Key)
	}
	draft := documents.DraftLine{Remove: v.R.PostFormValue("do") == "remove"}
	if id := v.R.PostFormValue("line"); id != "" {
		if draft.ID, err = atoll.ParseID(id); err != nil {
			return err
		}
	}
	var open bool
	if v.asks, open, err = c.asks(v, lineDef, atoll.Fields{}, ""); err != nil {
		return err
	}
	if open || v.R.PostFormValue("find") != "" {
		return c.recordPage(v) // which one is meant?
	}
	err = func() error {
		names := w.Lines
		if draft.ID != "" {
			names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { f, _ := lineDef.Field(n); return f.Kind == catalogue.Reference })
		}
		if draft.Fields, err = v.entered(lineDef, names); err != nil {
			return err
		}
		return c.actOn(v, def.Type, func(d documents.Desk) ([]journal.Proposal, error) {
			if err := standsAt(d, rec.Key, version); err != nil {
				return nil, err
			}
			return d.Change(rec.Key, documents.Draft{Lines: []documents.DraftLine{draft}})
		})
	}()
	if err != nil {
		return c.withTrouble(v, err)
	}
	v.tell("done", "edit.saved")
	v.redirect(recordPath(rec.Key) + "#lines")
	return nil
}
