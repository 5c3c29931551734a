package main

import (
	"strings"

	"github.com/alecthomas/kong"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// documentKind is the type of document that a group of commands is about. Each
// group binds its own, and the commands below it are the same for all.
type documentKind struct {
	Type atoll.Type
	// Quantity is the field of a line that --quantity sets.
	Quantity string
}

// The groups of commands.
type (
	invoiceCmd struct {
		documentCmds
		Suggest suggestCmd `cmd:"" help:"Set stock aside for what goes out."`
		Arrive  arriveCmd  `cmd:"" help:"Note that goods that come in are here; from then on they can be checked."`
		Confirm confirmCmd `cmd:"" help:"Let the stock leave, or enter."`
		Receive receiveCmd `cmd:"" help:"Take a supplier invoice or customer credit off hold and its goods into stock."`
	}
	requisitionCmd struct {
		documentCmds
		Suggest   suggestCmd   `cmd:"" help:"Mark as suggested."`
		Confirm   confirmCmd   `cmd:"" help:"Mark as confirmed."`
		Authorise authoriseCmd `cmd:"" help:"Approve a response that waits for it: where it is worked in, or at the centre."`
		Deny      denyCmd      `cmd:"" help:"Refuse a response that waits for approval: where it is worked in, or at the centre."`
	}
	orderCmd struct {
		documentCmds
		Suggest suggestCmd `cmd:"" help:"Mark as suggested."`
		Confirm confirmCmd `cmd:"" help:"Give the order to its supplier; one that is a store gets it as a requisition."`
	}
	receiptCmd struct {
		documentCmds
		Confirm confirmCmd `cmd:"" help:"Mark as checked."`
	}
	prescriptionCmd struct {
		documentCmds
		Suggest suggestCmd `cmd:"" help:"Set stock aside."`
		Confirm confirmCmd `cmd:"" help:"Let the stock leave."`
	}
	stocktakeCmd struct{ documentCmds }
	paymentCmd   struct {
		documentCmds
		Confirm confirmCmd `cmd:"" help:"Mark as confirmed."`
	}
)

// AfterApply binds the type of document.
func (invoiceCmd) AfterApply(c *kong.Context) error {
	return bind(c, "invoice", "number_of_packs")
}

// AfterApply binds the type of document.
func (requisitionCmd) AfterApply(c *kong.Context) error {
	return bind(c, "requisition", "requested_quantity")
}

// AfterApply binds the type of document.
func (orderCmd) AfterApply(c *kong.Context) error {
	return bind(c, "purchase_order", "requested_quantity")
}

// AfterApply binds the type of document.
func (receiptCmd) AfterApply(c *kong.Context) error {
	return bind(c, "goods_received", "number_of_packs_received")
}

// AfterApply binds the type of document.
func (prescriptionCmd) AfterApply(c *kong.Context) error {
	return bind(c, "prescription", "number_of_packs")
}

// AfterApply binds the type of document.
func (stocktakeCmd) AfterApply(c *kong.Context) error {
	return bind(c, "stocktake", "counted_number_of_packs")
}

// AfterApply binds the type of document.
func (paymentCmd) AfterApply(c *kong.Context) error { return bind(c, "payment", "") }

func bind(c *kong.Context, t atoll.Type, quantity string) error {
	c.Bind(documentKind{t, quantity})
	return nil
}

// documentCmds are the commands that every kind of document has.
type documentCmds struct {
	List     documentListCmd `cmd:"" help:"Documents, filtered."`
	Show     documentShowCmd `cmd:"" help:"One document with its lines, and what may be done with it now."`
	New      documentNewCmd  `cmd:"" help:"Make a document, with lines if they come from a file."`
	Set      documentSetCmd  `cmd:"" help:"Change fields of a document."`
	Line     documentLineCmd `cmd:"" help:"Add, change or remove a line."`
	Finalise finaliseCmd     `cmd:"" help:"Close the document; towards a store a transfer begins."`
	Cancel   cancelCmd       `cmd:"" help:"Cancel the document; stock it moved goes back."`
	Delete   deleteCmd       `cmd:"" help:"Delete a document that has not been finalised."`
}

// documentArg names one document.
type documentArg struct {
	ID string `arg:"" name:"document" help:"Its id; or its number, with the store and the kind where others have it too: WH/customer_invoice/12. One that has no number yet is named draft: WH/draft."`
}

// The acts.
type (
	suggestCmd  struct{ documentArg }
	arriveCmd   struct{ documentArg }
	confirmCmd  struct{ documentArg }
	finaliseCmd struct{ documentArg }
	receiveCmd  struct{ documentArg }
	cancelCmd   struct{ documentArg }
	deleteCmd   struct{ documentArg }
)

// Run sets stock aside.
func (c suggestCmd) Run(s *session, k documentKind) error { return c.act(s, k, documents.Suggest) }

// Run notes the arrival of goods.
func (c arriveCmd) Run(s *session, k documentKind) error { return c.act(s, k, documents.Arrive) }

// Run confirms a document.
func (c confirmCmd) Run(s *session, k documentKind) error { return c.act(s, k, documents.Confirm) }

// Run finalises a document.
func (c finaliseCmd) Run(s *session, k documentKind) error { return c.act(s, k, documents.Finalise) }

// Run receives goods into stock.
func (c receiveCmd) Run(s *session, k documentKind) error { return c.act(s, k, documents.Receive) }

// Run cancels a document.
func (c cancelCmd) Run(s *session, k documentKind) error { return c.act(s, k, documents.Cancel) }

// Run deletes a document.
func (c deleteCmd) Run(s *session, k documentKind) error { return c.act(s, k, documents.Delete) }

// done are the words for what was done.
var done = map[documents.Action]string{
	documents.Suggest: "Set aside", documents.Arrive: "Arrived", documents.Confirm: "Confirmed", documents.Finalise: "Finalised",
	documents.Receive: "Received into stock",
	documents.Cancel:  "Cancelled", documents.Delete: "Deleted",
}

func (a documentArg) act(s *session, k documentKind, act documents.Action) error {
	return s.with(func(h *host.Host) error {
		key, err := a.key(s, h, k)
		if err != nil {
			return err
		}
		res, err := h.Station.Do(s.ctx, s.globals.User, act, key, 0)
		if err != nil {
			return err
		}
		return s.changed(key.ID, res, done[act], s.title(h, key)...)
	})
}

// changed tells what a transaction did, and to what.
func (s *session) changed(id atoll.ID, res journal.Result, what string, of ...string) error {
	return s.print(map[string]any{"id": id, "seq": res.Seq, "changed": len(res.Changes)}, func() {
		if res.Seq == 0 {
			s.say("It is so already; nothing changed.")
			return
		}
		s.say("%s: %s changed in entry %d.", what, strings.Join(append(of, counted(len(res.Changes), "record")), ", "), res.Seq)
	})
}

type documentListCmd struct {
	Store  string            `help:"Code, name or id of a store." placeholder:"STORE"`
	Status string            `help:"new, suggested, confirmed, finalised or cancelled." placeholder:"STATUS"`
	Kind   string            `help:"Kind, such as customer_invoice or request." placeholder:"KIND"`
	Number string            `help:"Number of the document." placeholder:"N"`
	Where  map[string]string `help:"FIELD=VALUE of an indexed field; may be repeated." placeholder:"FIELD=VALUE"`
	Limit  int               `help:"How many." default:"50"`
	After  string            `help:"Go on after this id." placeholder:"ID"`
}

// Run lists documents.
func (c documentListCmd) Run(s *session, k documentKind) error {
	return s.with(func(h *host.Host) error {
		where := map[string]string{}
		for name, v := range c.Where {
			where[name] = v
		}
		for name, v := range map[string]string{"status": c.Status, "kind": c.Kind, "number": c.Number} {
			if v != "" {
				where[name] = v
			}
		}
		if c.Store != "" {
			st, err := storeNamed(s, h, c.Store)
			if err != nil {
				return err
			}
			where["store_id"] = string(st.ID)
		}
		recs, next, err := h.Station.Records(s.ctx, storage.Query{Type: k.Type, After: atoll.ID(c.After), Limit: c.Limit, Where: where})
		if err != nil {
			return err
		}
		list := make([]recordJSON, 0, len(recs))
		var rows [][]string
		for _, r := range recs {
			list = append(list, asJSON(r))
			rows = append(rows, []string{
				numberOf(r.Fields), kindOf(r), r.Fields.Text("status"), storeCode(s, h, r.Fields), otherParty(s, h, r.Fields), string(r.ID),
			})
		}
		return s.print(map[string]any{"documents": list, "next": next}, func() {
			s.table("No such documents here.", []string{"NUMBER", "KIND", "STATUS", "STORE", "OTHER PARTY", "ID"}, rows)
			if next != "" {
				s.say("More with: --after %s", next)
			}
		})
	})
}

// numberOf is a document's number as people see it: -1 is never shown (R-D-11).
func numberOf(f atoll.Fields) string {
	if documents.Unnumbered(f) {
		return "-"
	}
	return f.Number("number")
}

func kindOf(r station.Record) string {
	if k := r.Fields.Text("kind"); k != "" {
		return words(k)
	}
	return words(string(r.Type))
}

func storeCode(s *session, h *host.Host, f atoll.Fields) string {
	if st, err := storeNamed(s, h, f.Text("store_id")); err == nil {
		return st.Code
	}
	return f.Text("store_id")
}

// otherParty is the name, or the patient, a document is about.
func otherParty(s *session, h *host.Host, f atoll.Fields) string {
	for _, ref := range []struct {
		field string
		to    atoll.Type
	}{{"name_id", "name"}, {"patient_id", "patient"}} {
		id := f.ID(ref.field)
		if id == "" {
			continue
		}
		r, err := h.Station.Record(s.ctx, atoll.Key{Type: ref.to, ID: id})
		if err != nil {
			return string(id)
		}
		if name := r.Fields.Text("name"); name != "" {
			return name
		}
		return strings.TrimSpace(r.Fields.Text("first_name") + " " + r.Fields.Text("last_name"))
	}
	return ""
}

// documentJSON is a document as --json prints it.
type documentJSON struct {
	recordJSON
	Lines   []recordJSON       `json:"lines"`
	Choices []documents.Choice `json:"actions"`
}

type documentShowCmd struct{ documentArg }

// Run shows one document.
func (c documentShowCmd) Run(s *session, k documentKind) error {
	return s.with(func(h *host.Host) error {
		key, err := c.key(s, h, k)
		if err != nil {
			return err
		}
		d, err := h.Station.Document(s.ctx, key)
		if err != nil {
			return err
		}
		out := documentJSON{recordJSON: asJSON(d.Record), Lines: []recordJSON{}, Choices: d.Choices}
		for _, l := range d.Lines {
			out.Lines = append(out.Lines, asJSON(l))
		}
		return s.print(out, func() { s.showDocument(h, k, d) })
	})
}

func itemName(s *session, h *host.Host, f atoll.Fields) string {
	if name := f.Text("item_name"); name != "" {
		return name
	}
	if it, err := h.Station.Record(s.ctx, atoll.Key{Type: "item", ID: f.ID("item_id")}); err == nil {
		return it.Fields.Text("name")
	}
	return f.Text("item_id")
}

// named finds a record by id, or by its code.
func named(s *session, h *host.Host, t atoll.Type, what string) (atoll.ID, error) {
	if id, err := atoll.ParseID(what); err == nil {
		return id, nil
	}
	recs, _, err := h.Station.Records(s.ctx, storage.Query{Type: t, Where: map[string]string{"code": what}, Limit: 2})
	if err != nil {
		return "", err
	}
	switch len(recs) {
	case 1:
		return recs[0].ID, nil
	case 0:
		return "", atoll.Errorf(atoll.NotFound, "there is no %s with code %q here", t, what).Do("list them with: atoll record list %s", t)
	}
	return "", atoll.Errorf(atoll.Invalid, "several records of type %s have the code %q", t, what).Do("name it by its id")
}

// sent reads fields from flags and a file.
func sent(s *session, h *host.Host, t atoll.Type, set []string, from string) (atoll.Fields, error) {
	return recordPutCmd{Type: string(t), Set: set, From: from}.fields(s, h)
}
