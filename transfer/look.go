package transfer

import (
	"encoding/json"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// linesOf returns the lines of a document that are here, in order of id.
func linesOf(r storage.Reader, p papers, id atoll.ID) ([]atoll.Record, error) {
	return r.Records(storage.Query{Type: p.line, Where: map[string]string{p.parent: string(id)}})
}

// find returns a record and its fields; ok is false if it is not here or was
// deleted.
func find(r storage.Reader, key atoll.Key) (rec atoll.Record, f atoll.Fields, ok bool, err error) {
	if key.ID == "" {
		return rec, nil, false, nil
	}
	rec, err = r.Record(key)
	if atoll.CodeOf(err) == atoll.NotFound {
		return rec, nil, false, nil
	}
	if err != nil || rec.Deleted {
		return rec, nil, false, err
	}
	f, err = rec.Fields()
	return rec, f, err == nil, err
}

// carry copies fields of the initiating record to the responding one of the type. Left
// out is what need not be there and names a record that is not here, as one that was
// refused or deleted: the initiating record stands without it, and is answered (R-D-52).
func carry(c process.Case, t atoll.Type, to, from atoll.Fields, names []string) error {
	copyFields(to, from, names)
	for _, ref := range c.Catalogue.References(t, to) {
		if ref.Required || ref.Parent || !slices.Contains(names, ref.Field) {
			continue
		}
		if _, _, ok, err := find(c.R, atoll.Key{Type: ref.To, ID: ref.ID}); err != nil {
			return err
		} else if !ok {
			delete(to, ref.Field)
		}
	}
	return nil
}

// storeOf returns a store also when it is no longer visible here, or never was: a
// transfer that has begun goes on (R-D-47). Of one that is not here its name tells.
func storeOf(c process.Case, id atoll.ID) topology.Store {
	if s, ok := c.T.Store(id); ok {
		return s
	}
	if _, f, ok, err := find(c.R, atoll.Key{Type: "store", ID: id}); ok && err == nil {
		return topology.StoreFrom(id, f)
	}
	out := topology.Store{ID: id, NameID: topology.StoreNameID(id)}
	names, err := c.R.Records(storage.Query{Type: "name", Where: map[string]string{"store_id": string(id)}})
	if err != nil {
		return out
	}
	for i, r := range names {
		if f := r.MustFields(); i == 0 || f.Text("status") != survivor.Merged {
			out.NameID, out.Code, out.Name = r.ID, f.Text("code"), f.Text("name")
		}
	}
	return out
}

// nameOf is the name by which a store is known, or the one that survived when that
// was merged (R-D-50).
func nameOf(c process.Case, s topology.Store) atoll.ID {
	key, err := survivor.Of(c.R, atoll.Key{Type: "name", ID: s.NameID})
	if err != nil {
		return s.NameID
	}
	return key.ID
}

// survives puts the survivor of a merge in the place of the item that the line
// names (R-D-50).
func survives(c process.Case, line atoll.Fields) error {
	key := atoll.Key{Type: "item", ID: line.ID("item_id")}
	if key.ID == "" {
		return nil
	}
	kept, err := survivor.Of(c.R, key)
	if err != nil || kept == key {
		return err
	}
	_, f, ok, err := find(c.R, kept)
	if err != nil || !ok {
		return err
	}
	line.Set("item_id", kept.ID)
	copyAs(line, "item_name", f, "name")
	copyAs(line, "item_code", f, "code")
	return nil
}

// hiddenItem reports whether the item cannot be used in the store. It can through a
// row of its own there, or through a master list that the store has; it cannot when
// its row says so, or when the store has such rows or lists and it is in none (T-33).
func hiddenItem(c process.Case, store topology.Store, item atoll.ID) (bool, error) {
	rows, err := c.R.Records(storage.Query{Type: "item_store_join", Where: map[string]string{"store_id": string(store.ID), "item_id": string(item)}})
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if !r.MustFields().Bool("inactive", false) {
			return false, nil
		}
	}
	if len(rows) > 0 {
		return true, nil
	}
	lists, err := listsOf(c, store)
	if err != nil {
		return false, err
	}
	for _, list := range lists {
		lines, err := c.R.Records(storage.Query{Type: "master_list_line", Where: map[string]string{"master_list_id": string(list), "item_id": string(item)}, Limit: 1})
		if err != nil || len(lines) > 0 {
			return false, err
		}
	}
	if len(lists) > 0 {
		return true, nil
	}
	any, err := c.R.Records(storage.Query{Type: "item_store_join", Where: map[string]string{"store_id": string(store.ID)}, Limit: 1})
	return len(any) > 0, err
}

// listsOf are the master lists in force that the store has.
func listsOf(c process.Case, store topology.Store) ([]atoll.ID, error) {
	joins, err := c.R.Records(storage.Query{Type: "master_list_name_join", Where: map[string]string{"name_id": string(nameOf(c, store))}})
	if err != nil {
		return nil, err
	}
	var out []atoll.ID
	for _, j := range joins {
		key := atoll.Key{Type: "master_list", ID: j.MustFields().ID("master_list_id")}
		_, f, ok, err := find(c.R, key)
		if err != nil {
			return nil, err
		}
		if ok && !f.Bool("inactive", false) {
			out = append(out, key.ID)
		}
	}
	return out, nil
}

// preference returns a store's preference as text, or the system's of the same
// name, "" if neither is set.
func preference(c process.Case, store atoll.ID, key string) string {
	rows, err := c.R.Records(storage.Query{Type: "store_preference", Where: map[string]string{"store_id": string(store), "key": key}})
	if err == nil && len(rows) > 0 {
		return plainText(rows[len(rows)-1].MustFields()["value"])
	}
	return plainText(c.T.Preference(key))
}

// plainText is a JSON value as text: a string without its quotes.
func plainText(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

func number(s string) json.Number { return json.Number(s) }
