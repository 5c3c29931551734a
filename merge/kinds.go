package merge

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// Kinds are what follows from merges on every site, one kind for each type that
// may be merged: the rows that are owned here are re-pointed, those that come late
// included, and given back when the merge was undone (R-E-21, R-E-30 to R-E-35,
// R-E-50).
func Kinds(c *catalogue.Catalogue) []process.Kind {
	var out []process.Kind
	for _, def := range c.Types() {
		if def.Merge == catalogue.NoMerge {
			continue
		}
		f := follower{c, def, map[atoll.Type][]string{}}
		for _, p := range pointers(c, def.Type) {
			f.names[p.def.Type] = append(f.names[p.def.Type], p.field.Name)
		}
		out = append(out, process.Kind{
			Name: "merge of " + string(def.Type), Type: def.Type, Batches: true, Answer: f.answer, About: f.about, Cause: cause,
		})
	}
	return out
}

// follower follows the merges of one type.
type follower struct {
	catalogue *catalogue.Catalogue
	def       *catalogue.Def
	names     map[atoll.Type][]string // the fields by which each type names it
}

// answer gives back what an undone merge took, and then re-points what names any
// record that this one stands for, or that stands for this one. It waits while the
// survivor is not here (R-E-31).
func (f follower) answer(c process.Case) ([]journal.Proposal, error) {
	d := Desk{R: c.R, T: c.T, Now: c.Now, Site: c.Site, Catalogue: f.catalogue}
	if c.Fields.Has("unmerged_from") {
		into := survivor.Into(c.Fields)
		chain, err := survivor.Chain(c.R, c.Record.Key)
		if err != nil {
			return nil, err
		}
		do, err := d.back(chain, batch, func(e Entry) bool { return e.Into != into })
		if err != nil || len(do) > 0 {
			return do, err
		}
	}
	family, err := survivor.Family(c.R, c.Record.Key)
	if err != nil || len(family) < 2 {
		return nil, err
	}
	last, there, err := journal.View{RecordReader: c.R}.Record(atoll.Key{Type: f.def.Type, ID: family[0]})
	if err != nil || !there || survivor.Into(last.MustFields()) != "" {
		return nil, err // the survivor has not arrived, and will ask for itself
	}
	for _, id := range family[1:] {
		chain, err := survivor.Chain(c.R, atoll.Key{Type: f.def.Type, ID: id})
		if err != nil || len(chain) < 2 {
			return nil, err
		}
		do, err := d.repoint(chain, batch)
		if err != nil || len(do) > 0 {
			return do, err
		}
	}
	return nil, nil
}

// about finds rows that come late: they arrived, or came to be owned here, after the
// merge was dealt with (R-E-35).
func (f follower) about(c process.Change) ([]atoll.ID, error) {
	gains, err := f.gains(c)
	if err != nil {
		return nil, err
	}
	if gains {
		merged, err := c.R.Records(storage.Query{Type: f.def.Type, Where: map[string]string{"status": survivor.Merged}})
		out := make([]atoll.ID, len(merged))
		for i, r := range merged {
			out[i] = r.ID
		}
		return out, err // what the record itself names is among them
	}
	names := f.names[c.Record.Type]
	if len(names) == 0 {
		return nil, nil
	}
	if some, err := c.Survivors.Any(f.def.Type); err != nil || !some {
		return nil, err
	}
	fields, err := c.Record.Fields()
	if err != nil {
		return nil, err
	}
	var out []atoll.ID
	for _, name := range names {
		id := fields.ID(name)
		if id == "" {
			continue
		}
		to, err := c.Survivors.Of(atoll.Key{Type: f.def.Type, ID: id})
		if err != nil {
			return nil, err
		}
		if to != id {
			out = append(out, id)
		}
	}
	return out, nil
}

// gains reports whether the change may have made this site the owner of rows that it
// had before: their store came here, the right to edit them, the home of a patient or
// prescriber, or the primary.
func (f follower) gains(c process.Change) (bool, error) {
	switch c.Record.Type {
	case "store":
		st, ok := c.T.Store(c.Record.ID)
		return ok && st.Site == c.Site, nil
	case "system":
		return c.T.Primary() == c.Site || c.T.Centre() == c.Site, nil
	case "delegation":
		fields, err := c.Record.Fields()
		if err != nil {
			return false, err
		}
		domain := fields.Text("domain")
		site, _ := c.T.Delegate(domain)
		g, _ := c.T.Delegation(domain)
		return site == c.Site && !g.Closing, nil
	}
	def, ok := f.catalogue.Lookup(c.Record.Type)
	if !ok || def.Home == "" || c.Record.Deleted {
		return false, nil
	}
	fields, err := c.Record.Fields()
	if err != nil {
		return false, err
	}
	home, epoch := authority.HomeOf(def, fields)
	if st, ok := c.T.Store(home); !ok || st.Site != c.Site {
		return false, nil
	}
	if epoch > 0 { // who was only registered has no rows from before
		return true, nil
	}
	return journal.Rehomed(c.R, c.Record.Key)
}

// cause says which merge made the entry necessary, or which one was undone.
func cause(c process.Case, do []journal.Proposal) atoll.Cause {
	for _, p := range do {
		if p.Key.Type != Journal {
			continue
		}
		if p.Verb == atoll.Insert {
			from := atoll.Key{Type: atoll.Type(p.Fields.Text("merged_type")), ID: p.Fields.ID("merged_id")}
			return atoll.Cause{Kind: Cause, Ref: Reference(from, p.Fields.ID("survivor_id"))}
		}
		if rec, err := c.R.Record(p.Key); err == nil {
			f := rec.MustFields()
			from := atoll.Key{Type: atoll.Type(f.Text("merged_type")), ID: f.ID("merged_id")}
			return atoll.Cause{Kind: UndoCause, Ref: Reference(from, f.ID("survivor_id"))}
		}
	}
	return atoll.Cause{Kind: Cause, Ref: c.Record.Key.String()}
}
