package merge

import (
	"maps"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// pointer is a field that may name a merged record.
type pointer struct {
	def   *catalogue.Def
	field catalogue.Field
}

// pointers returns the fields that refer to records of the type, in the order of
// the catalogue. What a record says of its own merge is history, messages are never
// edited, and of what there is one for each there is one for the other, too; all three
// stay as they are.
func pointers(c *catalogue.Catalogue, t atoll.Type) []pointer {
	var out []pointer
	for _, d := range c.Types() {
		if d.Class == catalogue.Message {
			continue
		}
		for _, f := range d.Fields {
			if f.Kind == catalogue.Reference && f.To == t && !f.Identity && !survivor.Own(f.Name) {
				out = append(out, pointer{d, f})
			}
		}
	}
	return out
}

// row is a record that names a merged one, in one field or several.
type row struct {
	def    *catalogue.Def
	record atoll.Record
	fields atoll.Fields
	names  []string
	owner  atoll.SiteID
}

// rows calls fn with each live record that names the key, until fn returns false.
func (d Desk) rows(key atoll.Key, fn func(row) (bool, error)) error {
	names := map[atoll.Type][]string{}
	var defs []*catalogue.Def
	for _, p := range pointers(d.Catalogue, key.Type) {
		if names[p.def.Type] == nil {
			defs = append(defs, p.def)
		}
		names[p.def.Type] = append(names[p.def.Type], p.field.Name)
	}
	for _, def := range defs {
		seen := map[atoll.ID]bool{}
		for _, name := range names[def.Type] {
			for after := atoll.ID(""); ; {
				found, err := d.R.Records(storage.Query{
					Type: def.Type, Where: map[string]string{name: string(key.ID)}, After: after, Limit: batch,
				})
				if err != nil {
					return err
				}
				for _, r := range found {
					after = r.ID
					if seen[r.ID] {
						continue
					}
					seen[r.ID] = true
					f, err := r.Fields()
					if err != nil {
						return err
					}
					w := row{def: def, record: r, fields: f, owner: d.owner(def, r.Key, f)}
					for _, n := range names[def.Type] {
						if f.ID(n) == key.ID {
							w.names = append(w.names, n)
						}
					}
					if on, err := fn(w); err != nil || !on {
						return err
					}
				}
				if len(found) < batch {
					break
				}
			}
		}
	}
	return nil
}

// repoint returns the changes that give the rows owned here that name the first of
// the chain to the last, up to the limit, with what the merge journal says of it.
func (d Desk) repoint(chain []atoll.Key, limit int) ([]journal.Proposal, error) {
	w := &work{Desk: d, chain: chain, done: map[atoll.Key]*journal.Proposal{}, told: map[atoll.ID][]Row{}}
	err := d.rows(chain[0], func(r row) (bool, error) {
		if r.owner != d.Site {
			return true, nil
		}
		if w.count >= limit {
			return false, nil
		}
		w.count++
		return true, w.take(r)
	})
	if err != nil {
		return nil, err
	}
	return append(w.proposals(), w.journal()...), nil
}

// work gathers what a re-pointing changes.
type work struct {
	Desk
	chain []atoll.Key
	order []atoll.Key
	done  map[atoll.Key]*journal.Proposal
	told  map[atoll.ID][]Row // by the store that the rows belong to
	count int
}

func (w *work) into() atoll.ID { return w.chain[len(w.chain)-1].ID }

func (w *work) proposals() []journal.Proposal {
	var out []journal.Proposal
	for _, key := range w.order {
		out = append(out, *w.done[key])
	}
	return out
}

// change adds a change of the record to those there are.
func (w *work) change(verb atoll.Verb, key atoll.Key, f atoll.Fields) {
	if p, ok := w.done[key]; ok {
		if verb == atoll.Delete {
			p.Verb, p.Fields = verb, nil
		} else if p.Verb == atoll.Update {
			maps.Copy(p.Fields, f)
		}
		return
	}
	w.order = append(w.order, key)
	w.done[key] = &journal.Proposal{Verb: verb, Key: key, Fields: f}
}

func (w *work) tell(r row, told Row) {
	store := w.belongs(r)
	told.Type, told.ID = r.record.Type, r.record.ID
	w.told[store] = append(w.told[store], told)
}

// belongs returns the store by whose site the row is owned, "" for what no store
// decides about.
func (w *work) belongs(r row) atoll.ID {
	store := r.fields.ID("store_id")
	switch authorityOf(w.Desk, r.def) {
	case catalogue.ByActive:
		if r.def.Class != catalogue.Patient {
			if store = r.fields.ID(r.def.Scope); r.def.Scope == "id" {
				store = r.record.ID
			}
		}
	case catalogue.ByHome:
		store = w.home(r)
	default:
		store = ""
	}
	if st, ok := w.T.Store(store); !ok || st.Site != w.Site {
		return ""
	}
	return store
}

// take re-points one row, or removes it where it joins what another row joins.
func (w *work) take(r row) error {
	if joins(r) {
		done, err := w.join(r)
		if err != nil || done {
			return err
		}
	}
	f := atoll.Fields{}
	for _, name := range r.names {
		field, _ := r.def.Field(name)
		if r.record.Key == w.chain[len(w.chain)-1] && !field.Required {
			f.Set(name, nil) // it would name itself
			continue
		}
		f.Set(name, w.into())
	}
	w.change(atoll.Update, r.record.Key, f)
	w.tell(r, Row{Fields: r.names})
	return nil
}
