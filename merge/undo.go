package merge

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// Undo returns the changes by which a merged record is one of its own again: its
// status, and the rows that this site re-pointed, up to a bound (R-E-50, R-E-51).
// It is a new operation; nothing is rolled back. Rows that were made since the
// merge stay with the survivor.
func (d Desk) Undo(t atoll.Type, id atoll.ID) ([]journal.Proposal, error) {
	if err := mergeable(d.Catalogue, t); err != nil {
		return nil, err
	}
	key := atoll.Key{Type: t, ID: id}
	f, err := d.fields(key)
	if err != nil {
		return nil, err
	}
	into := survivor.Into(f)
	if into == "" {
		return nil, atoll.Errorf(atoll.Rule, "it is not merged").About(key).Do("list the merges with: atoll merge list").Because("merge.none")
	}
	since, ok := MergedAt(f)
	if window := Window(d.T); !ok || d.Now.Sub(since) > window {
		return nil, atoll.Errorf(atoll.Rule, "a merge can be undone for %d days; this one was made on %s", int(window.Hours()/24), f.Text("merged_at")).
			About(key).Do("make the record anew, or raise the preference %s", Preference).Because("merge.late", "n", int(window.Hours()/24))
	}
	change := atoll.Fields{}.Set("status", "active").Set("merged_into", nil).Set("unmerged_from", into)
	if def, _ := d.Catalogue.Lookup(t); slices.ContainsFunc(def.Fields, func(f catalogue.Field) bool { return f.Name == catalogue.OnceMerged }) {
		if was := catalogue.MergedBefore(f); !slices.Contains(was, into) {
			change.Set(catalogue.OnceMerged, append(was, into))
		}
	}
	out := []journal.Proposal{{Verb: atoll.Update, Key: key, Fields: change}}
	back, err := d.back([]atoll.Key{key}, first, func(e Entry) bool { return e.Into == into })
	return append(out, back...), err
}

// back returns the changes that give rows of the merge journal back to the first of
// the chain, up to the limit but one page at least, and mark them. If the record
// was merged again meanwhile, the chain leads to what stands for it now.
func (d Desk) back(chain []atoll.Key, limit int, which func(Entry) bool) ([]journal.Proposal, error) {
	entries, err := d.entries(chain[0])
	if err != nil {
		return nil, err
	}
	w := &work{Desk: d, chain: chain, done: map[atoll.Key]*journal.Proposal{}, told: map[atoll.ID][]Row{}}
	var marks []journal.Proposal
	for _, e := range entries {
		if e.Undone || !which(e) || !d.mine(e) {
			continue
		}
		if len(marks) > 0 && w.count+len(e.Rows) > limit {
			break
		}
		for _, r := range e.Rows {
			w.count++
			if err := w.giveBack(e, r); err != nil {
				return nil, err
			}
		}
		marks = append(marks, journal.Proposal{
			Verb: atoll.Update, Key: atoll.Key{Type: Journal, ID: e.ID}, Fields: atoll.Fields{}.Set("undone", true),
		})
	}
	if len(chain) > 1 {
		marks = append(marks, w.journal()...)
	}
	return append(w.proposals(), marks...), nil
}

// mine reports whether this site undoes what the entry tells of: it has the rows.
func (d Desk) mine(e Entry) bool {
	if e.Store == "" {
		return e.Site == d.Site
	}
	st, ok := d.T.Store(e.Store)
	return ok && st.Site == d.Site
}

// entries returns the merge journal of the record, as far as it is here.
func (d Desk) entries(key atoll.Key) ([]Entry, error) {
	found, err := d.R.Records(storage.Query{
		Type: Journal, Where: map[string]string{"merged_type": string(key.Type), "merged_id": string(key.ID)},
	})
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, r := range found {
		e, err := entryOf(r)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// giveBack undoes what became of one row, as far as nobody has changed it since.
func (w *work) giveBack(e Entry, r Row) error {
	def, ok := w.Catalogue.Lookup(r.Type)
	if !ok {
		return nil
	}
	key, rec, there, err := w.live(atoll.Key{Type: r.Type, ID: r.ID})
	if err != nil {
		return err
	}
	if !there {
		return w.restore(def, key, r)
	}
	now, err := rec.Fields()
	if err != nil {
		return err
	}
	if p, ok := w.done[key]; ok {
		now = now.Apply(p.Fields)
	}
	if w.owner(def, key, now) != w.Site {
		return nil
	}
	f, moved := atoll.Fields{}, []string(nil)
	for _, name := range r.Fields {
		if now.ID(name) == e.Into || (key == atoll.Key{Type: e.Merged.Type, ID: e.Into} && !now.Has(name)) {
			f.Set(name, w.into())
			moved = append(moved, name)
		}
	}
	for name, after := range r.After {
		if slices.Equal(now[name], after) {
			f[name] = r.Before[name]
		}
	}
	if len(f) > 0 {
		w.change(atoll.Update, key, f)
	}
	if len(moved) > 0 {
		w.tell(row{def: def, record: rec, fields: now}, Row{Fields: moved})
	}
	return nil
}

// restore makes a removed join row anew. If what it named was merged again since,
// and another row joins the same, it stays removed until that merge is undone, too.
func (w *work) restore(def *catalogue.Def, key atoll.Key, r Row) error {
	if r.Removed == nil {
		return nil // a person deleted it
	}
	f := r.Removed.Clone()
	for _, name := range r.Fields {
		f.Set(name, w.into())
	}
	made := row{def: def, record: atoll.Record{Key: key}, fields: f, names: r.Fields}
	if len(w.chain) == 1 {
		w.change(atoll.Insert, key, f)
		return nil
	}
	twin, err := w.twin(made, f)
	if err != nil {
		return err
	}
	if twin != nil {
		w.tell(made, Row{Fields: r.Fields, Removed: r.Removed})
		return nil
	}
	w.change(atoll.Insert, key, f)
	w.tell(made, Row{Fields: r.Fields})
	return nil
}

// live finds a row under the id that it has now: a join row that was removed and
// restored has another, as what was deleted never comes back under its own
// (R-A-15, R-E-52). If it is not there, the id is the one it would be restored
// under.
func (w *work) live(key atoll.Key) (atoll.Key, atoll.Record, bool, error) {
	for {
		rec, there, err := journal.View{RecordReader: w.R}.Record(key)
		if err != nil || !there || !rec.Deleted {
			return key, rec, there, err
		}
		key.ID = atoll.DeriveID("restored by an undone merge", key.String())
	}
}
