package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// key finds the document that the argument names. Of several with the number, those
// of stores that are worked in here come first.
func (a documentArg) key(s *session, h *host.Host, k documentKind) (atoll.Key, error) {
	if id, err := atoll.ParseID(a.ID); err == nil {
		return atoll.Key{Type: k.Type, ID: id}, nil
	}
	where, err := a.where(s, h, k)
	if err != nil {
		return atoll.Key{}, err
	}
	found, err := a.found(s, h, k, where)
	if err != nil {
		return atoll.Key{}, err
	}
	own := slices.DeleteFunc(slices.Clone(found), func(r station.Record) bool { return !r.Editable })
	if len(own) > 0 {
		found = own
	}
	switch len(found) {
	case 1:
		return found[0].Key, nil
	case 0:
		return atoll.Key{}, atoll.Errorf(atoll.NotFound, "there is no %s %s here", words(string(k.Type)), a.ID).Do("list them with: atoll %s list", k.group())
	}
	var names []string
	for _, r := range found {
		name := strings.ReplaceAll(storeCode(s, h, r.Fields)+"/"+kindOf(r)+"/"+r.Fields.Number("number"), " ", "_")
		if documents.Unnumbered(r.Fields) {
			name = string(r.ID)
			if other := otherParty(s, h, r.Fields); other != "" {
				name += " (" + kindOf(r) + ", " + other + ")"
			}
		}
		names = append(names, name)
	}
	return atoll.Key{}, atoll.Errorf(atoll.Invalid, "%s can be several documents", a.ID).Do("name one of: %s", strings.Join(names, ", "))
}

// draft names a document that has no number yet.
const draft = "draft"

// found are the documents under the conditions; without a number, those that wait
// for one.
func (a documentArg) found(s *session, h *host.Host, k documentKind, where map[string]string) ([]station.Record, error) {
	if where["number"] != "" {
		recs, _, err := h.Station.Records(s.ctx, storage.Query{Type: k.Type, Where: where, Limit: 20})
		return recs, err
	}
	var out []station.Record
	for _, status := range []string{documents.New, documents.Suggested, documents.Confirmed} {
		where["status"] = status
		recs, _, err := h.Station.Records(s.ctx, storage.Query{Type: k.Type, Where: where})
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(recs, func(r station.Record) bool { return !documents.Unnumbered(r.Fields) })...)
	}
	return out, nil
}

// where are the conditions that STORE/KIND/NUMBER means.
func (a documentArg) where(s *session, h *host.Host, k documentKind) (map[string]string, error) {
	def, _ := h.Catalogue.Lookup(k.Type)
	kinds, _ := def.Field("kind")
	parts := strings.Split(a.ID, "/")
	number := parts[len(parts)-1]
	where := map[string]string{"number": number}
	if number == draft {
		delete(where, "number")
	} else if n, err := strconv.ParseInt(number, 10, 64); err != nil || n < 1 {
		return nil, atoll.Errorf(atoll.Invalid, "%q is neither the id of a document nor a number", a.ID).Do("list them with: atoll %s list", k.group())
	}
	for _, part := range parts[:len(parts)-1] {
		if slices.Contains(kinds.Values, part) || part == string(k.Type) {
			if part != string(k.Type) {
				where["kind"] = part
			}
			continue
		}
		st, err := storeNamed(s, h, part)
		if err != nil {
			return nil, err
		}
		where["store_id"] = string(st.ID)
	}
	return where, nil
}

// group is the name of the commands for the type.
func (k documentKind) group() string {
	switch k.Type {
	case "purchase_order":
		return "order"
	case "goods_received":
		return "receipt"
	}
	return string(k.Type)
}

// packSize is the field of a line that says how large its packs are.
func (k documentKind) packSize() string {
	if k.Type == "goods_received" {
		return "received_pack_size"
	}
	return "pack_size"
}

// title is what a document with a number is called: customer invoice 12.
func (s *session) title(h *host.Host, key atoll.Key) []string {
	r, err := h.Station.Record(s.ctx, key)
	if err != nil || documents.Unnumbered(r.Fields) {
		return nil
	}
	return []string{kindOf(r) + " " + r.Fields.Number("number")}
}

func (s *session) showDocument(h *host.Host, k documentKind, d station.Document) {
	s.say("%s %s, %s, of %s  (%s, version %d)", kindOf(d.Record), numberOf(d.Fields), d.Fields.Text("status"),
		storeCode(s, h, d.Fields), d.ID, d.Version)
	if other := otherParty(s, h, d.Fields); other != "" {
		s.say("  %-28s %s", "other party", other)
	}
	for _, name := range d.Fields.Names() {
		value := strings.Trim(string(d.Fields[name]), `"`)
		switch name {
		case "kind", "number", "status", "store_id", "name_id", "patient_id":
		case "owning_site":
			if value != "-1" {
				s.say("  %-28s %s", name, value)
			}
		default:
			s.say("  %-28s %s", name, value)
		}
	}
	s.documentLines(h, k, d)
	s.choices(d.Choices)
}

// documentLines are the lines of a document; an order's also say how much has come.
func (s *session) documentLines(h *host.Host, k documentKind, d station.Document) {
	if k.Quantity == "" {
		return
	}
	head := []string{"ITEM", "BATCH", "EXPIRES", "PACK SIZE", "QUANTITY", "LINE"}
	more := map[atoll.Type]struct{ head, field string }{
		"purchase_order": {"RECEIVED", "received_quantity"}, "requisition": {"SUPPLIED", "supplied_quantity"},
	}[k.Type]
	if more.field != "" {
		head = slices.Insert(head, 5, more.head)
	}
	var rows [][]string
	for _, l := range d.Lines {
		row := []string{
			itemName(s, h, l.Fields), l.Fields.Text("batch"), l.Fields.Text("expiry_date"), amount(l.Fields, k.packSize()), amount(l.Fields, k.Quantity), string(l.ID),
		}
		if more.field != "" {
			row = slices.Insert(row, 5, amount(l.Fields, more.field))
		}
		rows = append(rows, row)
	}
	s.table("No lines.", head, rows)
}

// amount is a number of a line, or - where the line says none.
func amount(f atoll.Fields, name string) string {
	if !f.Has(name) {
		return "-"
	}
	return f.Number(name)
}

// choices say what may be done with a document now; in one line when nothing may.
func (s *session) choices(list []documents.Choice) {
	open, why := false, map[string]bool{}
	var rows [][]string
	for _, c := range list {
		may, because := "yes", ""
		if !c.Allowed {
			may, because = "no", c.Why
			why[c.Why] = true
		}
		open = open || c.Allowed
		rows = append(rows, []string{words(string(c.Action)), may, because})
	}
	if !open && len(why) == 1 {
		s.say("Nothing can be done with it now: %s.", list[0].Why)
		return
	}
	s.table("", []string{"ACTION", "NOW", "WHY NOT"}, rows)
}

// counted is a number of things: 1 record, 2 records.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}
