package main

import (
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/host"
)

type documentLineCmd struct {
	Add    lineAddCmd    `cmd:"" help:"Add a line."`
	Set    lineSetCmd    `cmd:"" help:"Change a line."`
	Remove lineRemoveCmd `cmd:"" help:"Take a line out."`
}

// lineFlags say what a line shall be.
type lineFlags struct {
	Item     string   `help:"Code or id of the item." placeholder:"ITEM"`
	Stock    string   `help:"The stock line it draws from: ITEM/BATCH, with /PACK SIZE where that is needed, or its id. Item, batch and prices come with it." placeholder:"STOCK"`
	Quantity string   `help:"How many: packs of invoices, receipts and counts, units of requisitions and orders." placeholder:"N"`
	Batch    string   `help:"Batch of goods that come in." placeholder:"BATCH"`
	Expires  string   `help:"Expiry date of goods that come in, YYYY-MM-DD." placeholder:"DATE"`
	PackSize string   `help:"Units in a pack of goods that come in." placeholder:"N"`
	Set      []string `short:"s" sep:"none" help:"FIELD=VALUE of the line; may be repeated." placeholder:"FIELD=VALUE"`
}

func (l lineFlags) fields(s *session, h *host.Host, k documentKind) (atoll.Fields, error) {
	line, _, _ := documents.LineOf(k.Type)
	if line == "" {
		return nil, atoll.Errorf(atoll.Invalid, "a %s has no lines", k.Type)
	}
	set := l.Set
	for _, flag := range []struct{ field, value string }{
		{k.Quantity, l.Quantity},
		{"stock_line_id", l.Stock},
		{"batch", l.Batch},
		{"expiry_date", l.Expires},
		{k.packSize(), l.PackSize},
	} {
		if flag.value != "" {
			set = append(set, flag.field+"="+flag.value)
		}
	}
	if l.Item != "" {
		set = append(set, "item_id="+l.Item)
	}
	return sent(s, h, line, set, "")
}

type lineAddCmd struct {
	documentArg
	lineFlags
}

// Run adds a line.
func (c lineAddCmd) Run(s *session, k documentKind) error {
	return changeLine(s, k, c.documentArg, func(h *host.Host) (documents.DraftLine, error) {
		f, err := c.fields(s, h, k)
		if err == nil && k.Quantity != "" && !f.Has("item_id") && !f.Has("stock_line_id") {
			err = atoll.Errorf(atoll.Invalid, "the line says neither an item nor a stock line").Do("name it with --item CODE, or with --stock ITEM/BATCH; see: atoll stock list STORE")
		}
		return documents.DraftLine{ID: atoll.NewID(time.Now()), Fields: f}, err
	}, "Added")
}

type lineSetCmd struct {
	documentArg
	lineArg
	lineFlags
}

// Run changes a line.
func (c lineSetCmd) Run(s *session, k documentKind) error {
	return changeLine(s, k, c.documentArg, func(h *host.Host) (documents.DraftLine, error) {
		id, err := c.find(s, h, k, c.documentArg)
		if err != nil {
			return documents.DraftLine{}, err
		}
		f, err := c.fields(s, h, k)
		return documents.DraftLine{ID: id, Fields: f}, err
	}, "Changed")
}

// lineArg names one line of a document.
type lineArg struct {
	Line string `arg:"" help:"Id of the line; or the code of its item, with the batch where the item has several lines: AMX/B-12."`
}

// find finds the line in the document.
func (a lineArg) find(s *session, h *host.Host, k documentKind, doc documentArg) (atoll.ID, error) {
	if id, err := atoll.ParseID(a.Line); err == nil {
		return id, nil
	}
	key, err := doc.key(s, h, k)
	if err != nil {
		return "", err
	}
	d, err := h.Station.Document(s.ctx, key)
	if err != nil {
		return "", err
	}
	var found []string
	for _, l := range d.Lines {
		it, err := h.Station.Record(s.ctx, atoll.Key{Type: "item", ID: l.Fields.ID("item_id")})
		if err != nil {
			continue
		}
		code := it.Fields.Text("code")
		if a.Line == code || a.Line == code+"/"+l.Fields.Text("batch") {
			found = append(found, string(l.ID))
		}
	}
	switch len(found) {
	case 1:
		return atoll.ID(found[0]), nil
	case 0:
		return "", atoll.Errorf(atoll.NotFound, "the document has no line %q", a.Line).Do("see: atoll %s show %s", k.group(), doc.ID)
	}
	return "", atoll.Errorf(atoll.Invalid, "%q can be several lines", a.Line).Do("name its batch, as ITEM/BATCH, or its id: %s", strings.Join(found, ", "))
}

type lineRemoveCmd struct {
	documentArg
	lineArg
}

// Run takes a line out.
func (c lineRemoveCmd) Run(s *session, k documentKind) error {
	return changeLine(s, k, c.documentArg, func(h *host.Host) (documents.DraftLine, error) {
		id, err := c.find(s, h, k, c.documentArg)
		return documents.DraftLine{ID: id, Remove: true}, err
	}, "Removed")
}

func changeLine(s *session, k documentKind, doc documentArg, line func(*host.Host) (documents.DraftLine, error), what string) error {
	return s.with(func(h *host.Host) error {
		key, err := doc.key(s, h, k)
		if err != nil {
			return err
		}
		l, err := line(h)
		if err != nil {
			return err
		}
		res, err := h.Station.ChangeDocument(s.ctx, s.globals.User, key, 0, documents.Draft{Lines: []documents.DraftLine{l}})
		if err != nil {
			return err
		}
		return s.changed(l.ID, res, what)
	})
}
