package hunt

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

// recordWork is edits of plain records, of every type that has no life of its own,
// by the site that owns them and by others.
var recordWork = []Work{
	{Name: "new record", Words: "a record of any plain type is made, by the site that may or by another", Weight: 10, Do: newRecord},
	{Name: "change record", Words: "a record of any plain type is changed, by the site that may or by another", Weight: 10, Do: changeRecord},
	{Name: "delete record", Words: "a record of any plain type is deleted", Weight: 2, Do: deleteRecord},
	{Name: "several at once", Words: "several records change in one transaction", Weight: 3, Do: severalAtOnce},
}

// lively are areas of the catalogue whose records have a life of their own, with acts
// for it: other files work with them.
var lively = []string{
	"documents", "requisitions", "procurement", "sites", "jobs", "homes", "merges", "users", "patients", "dispensary", "finance", "vaccines",
}

// livelyTypes are single types of that sort in other areas.
var livelyTypes = []atoll.Type{"stock_line", "store", "name_store_join", "name", "store_choice"}

// plain are the types that this file works with, by the catalogue of the node.
func plain(n *Node) []*catalogue.Def {
	var out []*catalogue.Def
	for _, def := range n.Catalogue.Types() {
		if slices.Contains(lively, def.Area) || slices.Contains(livelyTypes, def.Type) || def.Class == catalogue.Sync {
			continue
		}
		out = append(out, def)
	}
	return out
}

func newRecord(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	def, _ := Pick(d, plain(n))
	p, ok := w.fresh(n, d, def)
	if !ok {
		return ErrIdle
	}
	w.Say("%s makes %s", n.Name, w.Name(string(def.Type), p.Key.ID))
	return w.Edit(n, p)
}

// fresh is a new record of a type, as a user of the node might enter it; not ok when
// there is nothing for it to refer to.
func (w *World) fresh(n *Node, d Dice, def *catalogue.Def) (p journal.Proposal, ok bool) {
	return w.freshWith(n, d, def, nil)
}

// freshWith is fresh with some fields given.
func (w *World) freshWith(n *Node, d Dice, def *catalogue.Def, given atoll.Fields) (p journal.Proposal, ok bool) {
	f := given.Clone()
	if f == nil {
		f = atoll.Fields{}
	}
	for _, field := range def.Fields {
		if f.Has(field.Name) || !field.Required && !d.Chance(50) || bookkeeping(field) {
			continue
		}
		v, ok := w.value(n, d, def, field)
		switch {
		case ok:
			f.Set(field.Name, v)
		case field.Required:
			return p, false
		}
	}
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: def.Type, ID: w.NewID(n)}, Fields: f}, true
}

// bookkeeping reports whether the program itself writes the field.
func bookkeeping(f catalogue.Field) bool {
	switch f.Name {
	case "merged_into", "merged_at", "unmerged_from", "once_merged_into", "owning_site":
		return true
	default:
		return false
	}
}

// value is one that a user might give the field.
func (w *World) value(n *Node, d Dice, def *catalogue.Def, f catalogue.Field) (v any, ok bool) {
	switch f.Kind {
	case catalogue.Text:
		return words(d, f.Limit()), true
	case catalogue.Integer:
		return d.IntN(1000), true
	case catalogue.Decimal:
		return json.Number(fmt.Sprintf("%d.%0*d", d.IntN(5000), 1+d.IntN(3), d.IntN(10))), true
	case catalogue.Boolean:
		return d.Chance(50), true
	case catalogue.Date:
		return start.AddDate(0, 0, d.Between(-400, 900)).Format(time.DateOnly), true
	case catalogue.Time:
		return start.Add(time.Duration(d.IntN(1e6)) * time.Second).Format(time.RFC3339), true
	case catalogue.Enum:
		values := slices.DeleteFunc(slices.Clone(f.Values), func(s string) bool { return s == "merged" })
		return Pick(d, values)
	case catalogue.Object:
		return map[string]any{"a": d.IntN(100), "b": words(d, 40)}, true
	case catalogue.Reference:
		return w.target(n, d, def, f)
	default:
		return nil, false
	}
}

// target is a record that the node knows, for a reference to it. A store is most
// often one that is active at the node.
func (w *World) target(n *Node, d Dice, def *catalogue.Def, f catalogue.Field) (any, bool) {
	if f.To == "store" && d.Chance(85) {
		s, ok := Pick(d, w.ActiveStores(n))
		return string(s.ID), ok
	}
	r, ok := Pick(d, w.List(n, f.To))
	return string(r.ID), ok && (r.ID != "" && f.Name != def.Scope || f.To == "store")
}

// words are some text: seldom long, sometimes in another script, with what JSON must
// escape.
func words(d Dice, limit int) string {
	some := []string{"amoxicillin", "ʻahoʻeitu", "ສະບາຍດີ", "line\tbreak", `"quoted"`, "كوليرا", "x", "", " spaces ", "<&>", "é", "\u2028"}
	s := some[d.IntN(len(some))] + " " + strconv.Itoa(d.IntN(1e6))
	if d.Chance(3) {
		for len(s) < min(limit, 3000) {
			s += s
		}
	}
	for len(s) > limit {
		s = strconv.Itoa(d.IntN(10))
	}
	return s
}

// anyPlain is a plain record that the node shows: most often one that it may edit.
func (w *World) anyPlain(n *Node, d Dice) (station.Record, bool) {
	defs := plain(n)
	for range 6 {
		def, _ := Pick(d, defs)
		if d.Chance(25) {
			def, _ = n.Catalogue.Lookup("item")
		}
		r, ok := Pick(d, w.List(n, def.Type))
		if ok && (r.Editable || d.Chance(15)) {
			return r, true
		}
	}
	return station.Record{}, false
}

func changeRecord(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	p, ok := w.changed(n, d)
	if !ok {
		return ErrIdle
	}
	return w.Edit(n, p)
}

func (w *World) changed(n *Node, d Dice) (p journal.Proposal, ok bool) {
	r, ok := w.anyPlain(n, d)
	if !ok {
		return p, false
	}
	f := atoll.Fields{}
	for _, field := range Some(d, d.Between(1, 3), r.Def.Fields) {
		if field.Fixed || bookkeeping(field) || field.Name == r.Def.Scope {
			continue
		}
		if v, ok := w.value(n, d, r.Def, field); ok {
			f.Set(field.Name, v)
		}
	}
	if len(f) == 0 {
		return p, false
	}
	w.Say("%s changes %s (%d fields, version %d)", n.Name, w.Name(string(r.Type), r.ID), len(f), r.Version)
	return journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: f}, true
}

func deleteRecord(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	r, ok := w.anyPlain(n, d)
	if !ok || r.Def.Deletion != catalogue.Tombstone || r.Type == "item" {
		return ErrIdle
	}
	w.Say("%s deletes %s", n.Name, w.Name(string(r.Type), r.ID))
	return w.Edit(n, journal.Proposal{Verb: atoll.Delete, Key: r.Key})
}

func severalAtOnce(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	var do []journal.Proposal
	seen := map[atoll.Key]bool{}
	for range d.Between(2, 6) {
		p, ok := w.changed(n, d)
		if def, _ := Pick(d, plain(n)); !ok || d.Chance(40) {
			p, ok = w.fresh(n, d, def)
			w.Say("%s makes a %s", n.Name, def.Type)
		}
		if ok && !seen[p.Key] {
			seen[p.Key] = true
			do = append(do, p)
		}
	}
	if len(do) == 0 {
		return ErrIdle
	}
	w.Say("in one transaction")
	return w.Edit(n, do...)
}
