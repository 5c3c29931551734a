package merge

import (
	"bytes"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// joins reports whether the row joins what it names with something else.
func joins(r row) bool {
	return slices.ContainsFunc(r.names, func(n string) bool { return slices.Contains(r.def.Joins, n) })
}

// join deals with a row that would join what another row joins already: one of
// them stays (R-E-13). Of two rows of visibility the one that stays is for
// customers, for suppliers and visible if either was. A row that would make a
// store visible to itself goes, too. It is not done when the row is to be
// re-pointed like any other.
func (w *work) join(r row) (done bool, err error) {
	after := r.fields.Clone()
	for _, name := range r.names {
		after.Set(name, w.into())
	}
	if r.record.Type == "name_store_join" {
		if st, ok := w.T.StoreOfName(w.into()); ok {
			if st.ID == r.fields.ID("store_id") {
				w.remove(r, nil)
				return true, nil
			}
			after.Set("partner_store_id", st.ID)
		}
	}
	twin, err := w.twin(r, after)
	if err != nil {
		return false, err
	}
	if twin != nil {
		w.remove(r, twin)
		return true, nil
	}
	if after.ID("partner_store_id") == r.fields.ID("partner_store_id") {
		return false, nil
	}
	w.change(atoll.Update, r.record.Key, atoll.Fields{}.Set("name_id", w.into()).Set("partner_store_id", after.ID("partner_store_id")))
	w.tell(r, Row{Fields: r.names, Before: atoll.Fields{"partner_store_id": nil}, After: atoll.Fields{"partner_store_id": after["partner_store_id"]}})
	return true, nil
}

// twin finds the other row that joins the same, if it is owned here.
func (w *work) twin(r row, after atoll.Fields) (*row, error) {
	i := slices.IndexFunc(r.names, func(n string) bool { return slices.Contains(r.def.Joins, n) })
	found, err := w.R.Records(storage.Query{Type: r.record.Type, Where: map[string]string{r.names[i]: string(w.into())}})
	if err != nil {
		return nil, err
	}
	for _, other := range found {
		f, err := other.Fields()
		if err != nil {
			return nil, err
		}
		same := other.ID != r.record.ID
		for _, name := range r.def.Joins {
			same = same && bytes.Equal(f[name], after[name])
		}
		if p, changed := w.done[other.Key]; changed && p.Verb == atoll.Delete {
			same = false
		}
		if same && w.owner(r.def, other.Key, f) == w.Site {
			return &row{def: r.def, record: other, fields: f}, nil
		}
	}
	return nil, nil
}

// remove deletes the row; what it allowed, its twin allows.
func (w *work) remove(r row, twin *row) {
	w.change(atoll.Delete, r.record.Key, nil)
	w.tell(r, Row{Fields: r.names, Removed: r.fields})
	if twin == nil || r.record.Type != "name_store_join" {
		return
	}
	now := twin.fields
	if p, ok := w.done[twin.record.Key]; ok {
		now = now.Apply(p.Fields)
	}
	before, after := atoll.Fields{}, atoll.Fields{}
	for _, name := range []string{"is_customer", "is_supplier", "inactive"} {
		a, b := now.Bool(name, false), r.fields.Bool(name, false)
		is := a || b
		if name == "inactive" {
			is = a && b
		}
		if is != a {
			before[name], after = now[name], after.Set(name, is)
		}
	}
	if len(after) > 0 {
		w.change(atoll.Update, twin.record.Key, after.Clone())
		w.tell(*twin, Row{Before: before, After: after})
	}
}

func authorityOf(d Desk, def *catalogue.Def) catalogue.Editor { return authority.Editor(d.T, def) }

// home returns the home store of the patient or prescriber the row is, or hangs on.
func (d Desk) home(r row) atoll.ID {
	if r.def.Home != "" {
		return r.fields.ID(r.def.Home)
	}
	field, ok := r.def.Field(r.def.Scope)
	if !ok {
		return ""
	}
	person, there, err := journal.View{RecordReader: d.R}.Record(atoll.Key{Type: field.To, ID: r.fields.ID(r.def.Scope)})
	if err != nil || !there {
		return ""
	}
	return person.MustFields().ID("home_store_id")
}
