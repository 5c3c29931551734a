package authority_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/golden"
	"github.com/atollsync/atoll/topology"
)

// The sites of the tests, by what they are to the record in question.
var sites = []struct {
	id   atoll.SiteID
	name string
}{{1, "centre"}, {4, "primary"}, {2, "active"}, {3, "home"}, {5, "other"}}

var (
	here = atoll.DeriveID("store at site 2") // the record's store
	home = atoll.DeriveID("store at site 3") // its patient's home store, and the partner
)

// system builds a topology; the primary is site 4 when mirrored, the centre
// otherwise.
func system(t *testing.T, mirrored bool, more ...atoll.Record) *topology.Topology {
	t.Helper()
	primary := 1
	if mirrored {
		primary = 4
	}
	records := []atoll.Record{
		record("system", "", atoll.Fields{}.Set("centre", 1).Set("primary", primary)),
		{Key: atoll.Key{Type: "store", ID: here}, Body: atoll.Fields{}.Set("code", "H").Set("name", "Here").Set("site_id", 2).Set("epoch", 3).Encode()},
		{Key: atoll.Key{Type: "store", ID: home}, Body: atoll.Fields{}.Set("code", "O").Set("name", "Home").Set("site_id", 3).Set("epoch", 5).Encode()},
		record("site", "2", atoll.Fields{}.Set("number", 2).Set("name", "Clinic")),
	}
	records = append(records, more...)
	top, err := topology.Build(func(yield func(atoll.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func record(kind atoll.Type, name string, f atoll.Fields) atoll.Record {
	return atoll.Record{Key: atoll.Key{Type: kind, ID: atoll.DeriveID(string(kind), name)}, Body: f.Encode()}
}

func preference(key string) atoll.Record {
	return record("preference", key, atoll.Fields{}.Set("key", key).Set("value", true))
}

// example is a record of the type in the store here, of a patient at home, as a
// question to the authority.
func example(d *catalogue.Def) authority.Subject {
	s := authority.Subject{Def: d, Key: atoll.Key{Type: d.Type, ID: atoll.DeriveID("example")}, Fields: atoll.Fields{}}
	for _, f := range d.Fields {
		if f.Kind == catalogue.Reference && f.To == "store" {
			s.Fields.Set(f.Name, here)
		}
	}
	switch {
	case d.Scope == "id" && d.Type == "store":
		s.Key.ID = here
	case d.Home != "":
		s.Fields.Set(d.Home, home).Set("home_epoch", 2)
		s.Home, s.HomeEpoch = authority.HomeOf(d, s.Fields)
	case d.Class == catalogue.Patient && d.Editor != catalogue.ByActive:
		s.Home, s.HomeEpoch = home, 2
	}
	if d.Partner != "" {
		s.Fields.Set(d.Partner, home)
	}
	if d.Class == catalogue.Message && s.Fields.Has("to_store_id") {
		s.Fields.Set("to_store_id", home)
	}
	return s
}

// who lists the sites that may do this.
func who(t *testing.T, top *topology.Topology, verb atoll.Verb, s authority.Subject) string {
	t.Helper()
	if verb == atoll.Delete && s.Def.Deletion != catalogue.Tombstone {
		return "never"
	}
	var out []string
	for _, site := range sites {
		if site.id == 4 && !top.Mirrored() {
			continue
		}
		_, err := authority.MayWrite(top, site.id, verb, s)
		switch {
		case err == nil:
			out = append(out, site.name)
		case !errors.Is(err, atoll.Ownership):
			t.Errorf("%s by the %s: %v", s.Def.Type, site.name, err)
		}
	}
	if len(out) == 0 {
		return "nobody"
	}
	return strings.Join(out, " ")
}

// TestWhoMayWrite: for every record type, in the standard and in the mirrored
// system, which sites may make, change and delete a record of a store that is
// active on one site, about a patient whose home is another (R-A-04, R-B-79,
// R-K-16). And again with each preference that changes who.
func TestR_B_79_WhoMayWrite(t *testing.T) {
	var b strings.Builder
	tell := func(top *topology.Topology, d *catalogue.Def) string {
		s := example(d)
		i, u, x := who(t, top, atoll.Insert, s), who(t, top, atoll.Update, s), who(t, top, atoll.Delete, s)
		if i == u && (x == u || x == "never") {
			if x == "never" {
				return u + "; deleted never"
			}
			return u
		}
		return fmt.Sprintf("made %s; changed %s; deleted %s", i, u, x)
	}
	normal, mirrored := system(t, false), system(t, true)
	for _, d := range catalogue.Embedded().Types() {
		n, m := tell(normal, d), tell(mirrored, d)
		fmt.Fprintf(&b, "%s (%s)\n  %s\n", d.Type, d.Class, n)
		if m != n {
			fmt.Fprintf(&b, "  mirrored: %s\n", m)
		}
		for _, e := range d.Also {
			for _, m := range []bool{false, true} {
				if got := tell(system(t, m, preference(e.Name)), d); got != map[bool]string{false: n, true: tell(mirrored, d)}[m] {
					fmt.Fprintf(&b, "  with %s, mirrored %t: %s\n", e.Name, m, got)
				}
			}
		}
	}
	golden.File(t, "testdata/writers.golden", b.String())
}

// TestOneOwner: whatever the type and the system, one site owns a record, unless
// any site may.
func TestOneOwner(t *testing.T) {
	for _, mirrored := range []bool{false, true} {
		top := system(t, mirrored)
		for _, d := range catalogue.Embedded().Types() {
			s := example(d)
			owners := map[atoll.SiteID]bool{}
			for _, site := range sites {
				o, err := authority.OwnerOf(top, s, site.id)
				if err != nil {
					t.Fatalf("%s: %v", d.Type, err)
				}
				if o.Why == "" {
					t.Errorf("%s: no reason is given", d.Type)
				}
				owners[o.Site] = true
			}
			free := d.Class == catalogue.Local || d.Editor == catalogue.ByAny && !s.Fields.Has("from_store_id")
			if !free && len(owners) != 1 {
				t.Errorf("%s, mirrored %t: owners %v", d.Type, mirrored, owners)
			}
		}
	}
}

// TestEpochs: what an owner writes carries the count of moves that made it the
// owner (T-67).
func TestEpochs(t *testing.T) {
	c := catalogue.Embedded()
	top := system(t, false, record("delegation", "items", atoll.Fields{}.Set("domain", "items").Set("store_id", here).Set("epoch", 4).Set("active", true)))
	for kind, want := range map[atoll.Type]authority.Owner{
		"stock_line": {Site: 2, Epoch: 3}, "patient": {Site: 3, Epoch: 7}, "patient_event": {Site: 3, Epoch: 7},
		"item": {Site: 2, Epoch: 7}, "name": {Site: 1}, "store": {Site: 1},
	} {
		d, _ := c.Lookup(kind)
		got, err := authority.OwnerOf(top, example(d), 5)
		if err != nil || got.Site != want.Site || got.Epoch != want.Epoch {
			t.Errorf("%s: site %d under epoch %d, %v; want site %d, %d", kind, got.Site, got.Epoch, err, want.Site, want.Epoch)
		}
	}
}

// TestRefusalNamesTheOwner: the refusal says who owns it, and what to do.
func TestRefusalNamesTheOwner(t *testing.T) {
	d, _ := catalogue.Embedded().Lookup("stock_line")
	_, err := authority.MayWrite(system(t, false), 5, atoll.Update, example(d))
	var e *atoll.Error
	if !errors.As(err, &e) || e.Code != atoll.Ownership || !strings.Contains(e.Message, "site 2, Clinic") || e.Hint == "" || e.Subject == "" {
		t.Errorf("got %+v", e)
	}
	s := example(d)
	s.Fields.Set("store_id", atoll.DeriveID("nowhere"))
	if _, err := authority.MayWrite(system(t, false), 2, atoll.Update, s); !errors.Is(err, atoll.Reference) {
		t.Errorf("a store that is not known: %v; want %s", err, atoll.Reference)
	}
}

// TestRefusalsNameTheOwner: by its name where it is known; at a remote site, which
// knows stores and not sites, by a store that is active there (R-C-41, R-C-51).
func TestRefusalsNameTheOwner(t *testing.T) {
	store := func(id, name string, site int) atoll.Record {
		return record("store", id, atoll.Fields{}.Set("code", id).Set("name", name).Set("site_id", site))
	}
	remote, err := topology.Build(func(yield func(atoll.Record, error) bool) {
		for _, r := range []atoll.Record{
			record("system", "system", atoll.Fields{}.Set("centre", 1).Set("primary", 1)),
			store("c", "Chemchemi Clinic", 4), store("d", "Dodoma Depot", 5), store("a", "Arusha", 5),
			record("site", "site 2", atoll.Fields{}.Set("number", 2).Set("name", "Mulago").Set("type", "server")),
		} {
			if !yield(r, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[atoll.SiteID]string{
		1: "the central server", 2: "site 2, Mulago", 4: "site 4, the site of Chemchemi Clinic",
		5: "site 5, the site of Arusha and others", 9: "site 9",
	} {
		if got := authority.Place(remote, id); got != want {
			t.Errorf("site %d is %q, want %q", id, got, want)
		}
	}
}
