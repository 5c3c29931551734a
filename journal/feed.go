package journal

import (
	"errors"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// put writes the record and, at the centre, moves its lines in the feed: out of
// where it was listed, under every audience that must have it now. An audience
// it left gets a line that says so. Before is the record as its lines stand in
// the feed, nil if it has none.
func (d *Door) put(tx storage.Tx, t *topology.Topology, def *catalogue.Def, r atoll.Record, f atoll.Fields, before *atoll.Record) error {
	index := d.Judge.Catalogue.Index(r.Type, f)
	if !d.Centre {
		_, err := tx.Put(r, index)
		return err
	}
	wide := route.Audiences(t, def, r.Key, f)
	audiences, err := resolve(tx, t, wide)
	if err != nil {
		return err
	}
	r.Audiences = audiences
	at, err := tx.Put(r, index)
	if err != nil {
		return err
	}
	lines := Lines(before, r.Key, at, audiences)
	if before != nil {
		if err := stillForced(tx, lines, *before, r); err != nil {
			return err
		}
		for _, a := range before.Audiences {
			if err := tx.Unlist(a, before.Position, r.Key); err != nil {
				return err
			}
		}
	}
	if own := atoll.SiteAudience(r.Origin.Site); writtenUnseen(t, r.Origin.Site, audiences) {
		lines = slices.DeleteFunc(lines, func(l Line) bool { return l.Audience == own })
		lines = append(lines, Line{own, storage.FeedLine{Position: at, Key: r.Key, Gone: true, Forced: true}})
	}
	for _, l := range lines {
		if err := tx.List(l.Audience, l.FeedLine); err != nil {
			return err
		}
	}
	return nil
}

// stillForced makes the lines of a version that is listed anew forced where it was
// listed so before: the site that gained the record again may not have read that line,
// and has what it wrote itself hidden until it does.
func stillForced(r storage.Reader, lines []Line, before, now atoll.Record) error {
	if before.Origin != now.Origin || before.Position == 0 {
		return nil
	}
	for i, l := range lines {
		if kind, _ := l.Audience.Split(); kind != "site" || l.Gone || l.Forced {
			continue
		}
		was, err := r.Feed(l.Audience, before.Position-1, before.Position, 0)
		if err != nil {
			return err
		}
		lines[i].Forced = slices.ContainsFunc(was, func(w storage.FeedLine) bool { return w.Key == now.Key && w.Forced && !w.Gone })
	}
	return nil
}

// writtenUnseen reports whether a site wrote about somebody who is not visible there:
// before it heard that he no longer is. What it wrote goes where all went that it had
// about him.
func writtenUnseen(t *topology.Topology, site atoll.SiteID, audiences []atoll.Audience) bool {
	if site == t.Centre() || !aboutPerson(audiences) || slices.Contains(audiences, atoll.SiteAudience(site)) {
		return false
	}
	entitled := t.Subscription(site)
	return !slices.ContainsFunc(audiences, func(a atoll.Audience) bool { return slices.Contains(entitled, a) })
}

// Line is a line of the feed under one audience.
type Line struct {
	Audience atoll.Audience
	storage.FeedLine
}

// Lines are the lines of a record that stands at a position under the audiences
// now: one under each, and one under each that it left, which says so. They replace
// those of the record as it was before, nil if it had none.
func Lines(before *atoll.Record, key atoll.Key, at atoll.Position, audiences []atoll.Audience) (out []Line) {
	if before != nil {
		for _, a := range before.Audiences {
			if !slices.Contains(audiences, a) {
				kind, _ := a.Split()
				out = append(out, Line{a, storage.FeedLine{Position: at, Key: key, Gone: true, Forced: kind == "site" && aboutPerson(before.Audiences)}})
			}
		}
	}
	for _, a := range audiences {
		line := storage.FeedLine{Position: at, Key: key}
		// A site that gains a narrow audience may have made this version itself, and
		// retracted it since.
		if kind, _ := a.Split(); kind == "site" && before != nil && !slices.Contains(before.Audiences, a) {
			line.Forced = true
		}
		out = append(out, Line{a, line})
	}
	return out
}

// aboutPerson reports whether a record goes where a patient or prescriber does. A
// site that no longer reads about somebody is not his home site, whatever it knows:
// it may never be told of the home store that came after its own, as it does not read
// about him any longer. So it does not keep what it believes to own.
func aboutPerson(audiences []atoll.Audience) bool {
	return slices.ContainsFunc(audiences, func(a atoll.Audience) bool {
		kind, _ := a.Split()
		return kind == "patient"
	})
}

// resolve adds to narrow audiences the sites that are their members now, so that
// no reader has to ask for each of ten thousand patients in every cycle.
func resolve(r storage.Reader, t *topology.Topology, wide []atoll.Audience) ([]atoll.Audience, error) {
	out := wide
	for _, a := range wide {
		if !a.Narrow() {
			continue
		}
		sites, err := members(r, t, a)
		if err != nil {
			return nil, err
		}
		for _, s := range sites {
			out = append(out, atoll.SiteAudience(s))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// visibility are the record types that make someone visible in a store: the type,
// of what type he is, the field that says who, and the field of his with his home
// store, "" if he has none.
var visibility = []struct {
	kind   atoll.Type
	of     atoll.Type
	who    string
	home   string
	narrow func(atoll.ID) atoll.Audience
}{
	{"name_store_join", "name", "name_id", "", atoll.NameAudience},
	{"patient_store_join", "patient", "patient_id", "home_store_id", atoll.PatientAudience},
	{"prescriber_store_join", "prescriber", "prescriber_id", "home_store_id", atoll.PatientAudience},
}

// relist lists anew the records of narrow audiences whose members changed: by a
// visibility row, or because a store that sees them is read elsewhere now.
func (d *Door) relist(tx storage.Tx, before, after *topology.Topology, changes []admit.Change) error {
	todo := map[atoll.Audience]bool{}
	stores := map[atoll.ID]bool{}
	for _, c := range changes {
		f := fields(c)
		for _, v := range visibility {
			if c.Op.Type == v.of && c.Op.Fields.Has(v.home) {
				todo[v.narrow(c.Op.ID)] = true
			}
			if c.Op.Type == v.kind {
				todo[v.narrow(f.ID(v.who))] = true
				if was := c.Old.ID(v.who); was != "" {
					todo[v.narrow(was)] = true
				}
			}
		}
		if a := whose(c.Op.Key); a != "" && (c.Op.Fields.Has("merged_into") || c.Op.Fields.Has("unmerged_from")) {
			todo[a] = true
			if was := c.New.ID("unmerged_from"); was != "" { // no longer kin
				todo[whose(atoll.Key{Type: c.Op.Type, ID: was})] = true
			}
		}
		switch c.Op.Type {
		case "store":
			stores[c.Op.ID] = true
		case "store_choice", "name_store_join":
			stores[f.ID("store_id")] = true
			stores[f.ID("partner_store_id")] = true
		}
	}
	for store := range stores {
		ids := []atoll.ID{store}
		if store == "" || (slices.Equal(before.Readers(ids, false), after.Readers(ids, false)) &&
			slices.Equal(before.Readers(ids, true), after.Readers(ids, true))) {
			continue
		}
		for _, v := range visibility {
			if v.home != "" {
				people, err := tx.Records(storage.Query{Type: v.of, Where: map[string]string{v.home: string(store)}})
				if err != nil {
					return err
				}
				for _, p := range people {
					todo[v.narrow(p.ID)] = true
				}
			}
			joins, err := tx.Records(storage.Query{Type: v.kind, Where: map[string]string{"store_id": string(store)}})
			if err != nil {
				return err
			}
			for _, j := range joins {
				todo[v.narrow(j.MustFields().ID(v.who))] = true
			}
		}
	}
	for _, a := range slices.Sorted(maps.Keys(todo)) { // in one order, so that the feed is the same whenever it is played
		if err := d.relistKin(tx, after, a); err != nil {
			return err
		}
	}
	return d.reroute(tx, after, steering(before, after), false)
}

func (d *Door) relistAudience(tx storage.Tx, t *topology.Topology, a atoll.Audience) error {
	lines, err := tx.Feed(a, 0, 0, 0)
	if err != nil {
		return err
	}
	for _, l := range lines {
		r, err := tx.Record(l.Key)
		if errors.Is(err, atoll.NotFound) || l.Gone {
			continue
		}
		if err != nil {
			return err
		}
		if def, ok := d.Judge.Catalogue.Lookup(r.Type); ok {
			if err := d.relistMoved(tx, t, def, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// relistMoved lists the record anew if it has other audiences now.
func (d *Door) relistMoved(tx storage.Tx, t *topology.Topology, def *catalogue.Def, r atoll.Record) error {
	f, err := r.Fields()
	if err != nil {
		return err
	}
	now, err := resolve(tx, t, route.Audiences(t, def, r.Key, f))
	if err != nil || slices.Equal(now, r.Audiences) {
		return err
	}
	return d.put(tx, t, def, r, f, &r)
}

// Relist lists a record anew, with the audiences it has now: after preferences
// changed where it goes, or to send its true state to a site.
func (d *Door) Relist(tx storage.Tx, key atoll.Key) error {
	t, err := d.Topology(tx)
	if err != nil {
		return err
	}
	r, err := tx.Record(key)
	if err != nil {
		return err
	}
	def, ok := d.Judge.Catalogue.Lookup(key.Type)
	if !ok {
		return atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", key.Type)
	}
	return d.put(tx, t, def, r, r.MustFields(), &r)
}

// Return puts the true state of the record on its way to the site, whatever the
// site has made of it (R-F-09). A record that the centre does not have is
// retracted there.
func (d *Door) Return(tx storage.Tx, site atoll.SiteID, key atoll.Key) error {
	at, err := tx.NextPosition()
	if err != nil {
		return err
	}
	r, err := tx.Record(key)
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return err
	}
	gone := err != nil
	if !gone && len(r.Audiences) > 0 {
		// A record that has gone elsewhere, with its store, is no longer the site's to
		// see.
		t, err := d.Topology(tx)
		if err != nil {
			return err
		}
		entitled := t.Subscription(site)
		gone = !slices.ContainsFunc(r.Audiences, func(a atoll.Audience) bool { return slices.Contains(entitled, a) })
	}
	return tx.List(atoll.SiteAudience(site), storage.FeedLine{Position: at, Key: key, Forced: true, Gone: gone})
}

// Fetch puts the record on its way to the site, which may not have it (R-H-26).
// What the site itself has made of it since stays.
func (d *Door) Fetch(tx storage.Tx, site atoll.SiteID, key atoll.Key) error {
	at, err := tx.NextPosition()
	if err != nil {
		return err
	}
	return tx.List(atoll.SiteAudience(site), storage.FeedLine{Position: at, Key: key})
}
