package documents

import (
	"errors"
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// named puts ids in the place of what people call records by, in the references of
// a draft: a store, item, name or anything else by its code, a document of the
// store by its number, stock by ITEM/BATCH. What is an id already stays.
func (d Desk) named(t atoll.Type, f atoll.Fields, store atoll.ID) (atoll.Fields, error) {
	if d.Catalogue == nil {
		return f, nil
	}
	def, ok := d.Catalogue.Lookup(t)
	if !ok {
		return f, nil
	}
	out := f
	for _, name := range f.Names() {
		field, ok := def.Field(name)
		what := f.Text(name)
		if !ok || field.Kind != catalogue.Reference || what == "" {
			continue
		}
		if _, err := atoll.ParseID(what); err == nil {
			continue
		}
		id, err := d.Find(field.To, store, what)
		if err != nil {
			return nil, on(err, name)
		}
		if name == "store_id" {
			store = id
		}
		out = out.Apply(atoll.Fields{}.Set(name, id))
	}
	return out, nil
}

// on notes which field an error is about, unless it says so.
func on(err error, field string) error {
	var e *atoll.Error
	if errors.As(err, &e) && e.Field == "" {
		return e.On(field)
	}
	return err
}

// Find finds a record as people name it: by its id, by its code, a document by its
// number, stock by ITEM, ITEM/BATCH or ITEM/BATCH/PACK SIZE. Store is whose it is,
// for types that belong to stores; "" for any. It fails with atoll.NotFound, and with
// atoll.Invalid when several records go by it.
func (d Desk) Find(t atoll.Type, store atoll.ID, what string) (atoll.ID, error) {
	if id, err := atoll.ParseID(what); err == nil {
		return id, nil
	}
	def, ok := d.Catalogue.Lookup(t)
	if !ok {
		return "", atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", t)
	}
	by := "code"
	if _, ok := def.Field(by); !ok {
		by = "number"
	}
	switch field, ok := def.Field(by); {
	case t == "stock_line":
		return d.FindStock(store, what)
	case t == "name":
		if st, ok := d.storeNamed(what); ok && st.NameID != "" {
			return st.NameID, nil
		}
	case t == "store":
		st, ok := d.storeNamed(what)
		if !ok {
			return "", atoll.Errorf(atoll.NotFound, "there is no store %q here", what).Do("list them with: atoll store list")
		}
		return st.ID, nil
	case !ok || !field.Index:
		return "", atoll.Errorf(atoll.Invalid, "%q is not the id of a record of type %s", what, t)
	case by == "number" && field.Kind == catalogue.Integer:
		if n, err := strconv.ParseInt(what, 10, 64); err != nil || n < 1 {
			return "", atoll.Errorf(atoll.Invalid, "%q is neither the id of a record of type %s nor a number", what, t)
		}
	}
	found, err := d.R.Records(storage.Query{Type: t, Where: map[string]string{by: what}})
	if err != nil {
		return "", err
	}
	var ids []atoll.ID
	_, owned := def.Field("store_id")
	for _, r := range found {
		f := r.MustFields()
		if r.Deleted || r.Hidden || survivor.Into(f) != "" || owned && store != "" && f.ID("store_id") != store {
			continue
		}
		ids = append(ids, r.ID)
	}
	return one(t, by, what, ids)
}

// one is the id, if there is one.
func one(t atoll.Type, by, what string, ids []atoll.ID) (atoll.ID, error) {
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
		return "", atoll.Errorf(atoll.NotFound, "there is no %s with %s %q here", t, by, what).Do("list them with: atoll record list %s", t)
	}
	return "", atoll.Errorf(atoll.Invalid, "several records of type %s have the %s %q", t, by, what).Do("name it by its id")
}

// FindStock finds a stock line of the store by ITEM, ITEM/BATCH or ITEM/BATCH/PACK
// SIZE. Where several are left, one that has stock goes before those that have none.
// Without a store, what begins with one: STORE/ITEM/BATCH.
func (d Desk) FindStock(store atoll.ID, what string) (atoll.ID, error) {
	if id, err := atoll.ParseID(what); err == nil {
		return id, nil
	}
	rest := what
	if store == "" {
		code, after, _ := strings.Cut(what, "/")
		st, ok := d.storeNamed(code)
		if !ok {
			return "", atoll.Errorf(atoll.Invalid, "%q names no stock line", what).Do("name it by its id, or as STORE/ITEM/BATCH; see: atoll stock list STORE")
		}
		store, rest = st.ID, after
	}
	var full, empty []atoll.Record
	for at := 0; at <= len(rest); at++ { // a code or a batch may hold a slash itself
		if at < len(rest) && rest[at] != '/' {
			continue
		}
		item, err := d.Find("item", "", rest[:at])
		if err != nil {
			continue
		}
		lines, err := d.StockOf(store, item)
		if err != nil {
			return "", err
		}
		for _, r := range lines {
			f := r.MustFields()
			if more := strings.TrimPrefix(rest[at:], "/"); more != "" && more != f.Text("batch") && more != f.Text("batch")+"/"+f.Number("pack_size") {
				continue
			}
			if Sign(f.Number("total_number_of_packs")) > 0 {
				full = append(full, r)
			} else {
				empty = append(empty, r)
			}
		}
	}
	found := full
	if len(full) == 0 {
		found = empty
	}
	switch len(found) {
	case 1:
		return found[0].ID, nil
	case 0:
		return "", atoll.Errorf(atoll.NotFound, "there is no stock %q in the store", rest).Do("name it by its id, or as ITEM/BATCH; see: atoll stock list STORE")
	}
	var names []string
	for _, r := range found {
		f := r.MustFields()
		names = append(names, strings.Join([]string{f.Text("batch"), f.Number("pack_size")}, "/")+" ("+string(r.ID)+")")
	}
	return "", atoll.Errorf(atoll.Invalid, "%q can be several stock lines", rest).Do("say which batch and pack size, or the id: %s", strings.Join(names, ", "))
}

// ordered notes which line of the order the goods were ordered with, when one line of
// it alone is for the item: only so the order knows how much of it has come.
func (d Desk) ordered(header, f atoll.Fields) error {
	order := header.ID("purchase_order_id")
	if _, said := f["purchase_order_line_id"]; said || order == "" || f.ID("item_id") == "" {
		return nil
	}
	lines, err := d.lines("purchase_order_line", "purchase_order_id", order)
	if err != nil {
		return err
	}
	item, err := d.kept(f.ID("item_id"))
	if err != nil {
		return err
	}
	var ids []atoll.ID
	for _, r := range lines {
		of, err := d.kept(r.MustFields().ID("item_id"))
		if err != nil {
			return err
		}
		if of == item {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 1 {
		f.Set("purchase_order_line_id", ids[0])
	}
	return nil
}

// kept is the item, or the one it was merged into.
func (d Desk) kept(item atoll.ID) (atoll.ID, error) {
	key, err := survivor.Of(d.R, atoll.Key{Type: "item", ID: item})
	return key.ID, err
}

// storeNamed finds a store by code or name.
func (d Desk) storeNamed(what string) (topology.Store, bool) {
	for _, st := range d.T.Stores() {
		if st.Code == what || strings.EqualFold(st.Name, what) {
			return st, true
		}
	}
	return topology.Store{}, false
}
