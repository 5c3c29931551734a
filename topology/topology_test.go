package topology_test

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/golden"
	"github.com/atollsync/atoll/topology"
)

func id(name string) atoll.ID { return atoll.DeriveID("test", name) }

// system is what a topology is built from, in a form that a test can spoil.
type system struct {
	primary     atoll.SiteID
	sites       map[atoll.SiteID]topology.Kind
	stores      map[string]atoll.SiteID
	dispensary  []string
	managedOnly []string
	visible     []string // pairs, "AB"; ">AB" for the row of A alone, ":AB" for a row by the store's name
	collectors  map[string][]atoll.SiteID
}

// f1 is the worked example, and f2 the mirrored one.
func f1() system {
	return system{
		primary: 1, sites: map[atoll.SiteID]topology.Kind{1: topology.Central, 2: topology.Server, 3: topology.Server},
		stores:      map[string]atoll.SiteID{"A": 1, "B": 2, "C": 3, "D": 3, "E": 1, "F": 2},
		managedOnly: []string{"F"}, visible: []string{"AB", "AE", "BC", "BF", "CD"}, collectors: map[string][]atoll.SiteID{"A": {2}},
	}
}

func f2() system {
	s := f1()
	s.primary, s.sites[4], s.stores["P"] = 4, topology.Mirror, 4
	s.visible = append(s.visible, "AP")
	return s
}

func (s system) build(t *testing.T) *topology.Topology {
	t.Helper()
	var records []atoll.Record
	add := func(kind atoll.Type, name string, f atoll.Fields) {
		records = append(records, atoll.Record{Key: atoll.Key{Type: kind, ID: id(string(kind) + name)}, Body: f.Encode()})
	}
	add("system", "", atoll.Fields{}.Set("centre", 1).Set("primary", s.primary))
	for n, kind := range s.sites {
		name := fmt.Sprint("Sync Client ", n-1)
		add("site", n.String(), atoll.Fields{}.Set("number", n).Set("type", string(kind)).Set("name", name))
	}
	for code, site := range s.stores {
		mode := "store"
		if slices.Contains(s.dispensary, code) {
			mode = "dispensary"
		}
		add("store", code, atoll.Fields{}.Set("code", code).Set("name", "Store "+code).Set("site_id", site).Set("mode", mode).
			Set("managed_only", slices.Contains(s.managedOnly, code)))
		for _, at := range s.collectors[code] {
			add("store_choice", code+at.String(), atoll.Fields{}.Set("store_id", id("store"+code)).Set("site_id", at).Set("choice", "collector"))
		}
	}
	for _, pair := range s.visible {
		p := strings.TrimLeft(pair, ">:")
		a, b := id("store"+p[:1]), id("store"+p[1:])
		f := atoll.Fields{}.Set("store_id", a).Set("partner_store_id", b).Set("name_id", topology.StoreNameID(b))
		if pair[0] == ':' {
			delete(f, "partner_store_id")
		}
		add("name_store_join", pair, f)
	}
	var all iter.Seq2[atoll.Record, error] = func(yield func(atoll.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
	top, err := topology.Build(all)
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// table prints the configuration tables as C.3 of the specification has them:
// for each store, where it has an instance and what its sync-with table says
// there.
func table(top *topology.Topology) string {
	var b strings.Builder
	for _, store := range top.Stores() {
		fmt.Fprintf(&b, "Store %s, Sync ID %d\n", store.Code, store.Site)
		for _, site := range top.Sites() {
			in := top.Instance(store.ID, site.ID)
			if in.Type == topology.None {
				fmt.Fprintf(&b, "  on %d: no instance\n", site.ID)
				continue
			}
			fmt.Fprintf(&b, "  on %d: %s", site.ID, in.Type)
			if in.RecordOnly {
				b.WriteString(" (record only)")
			}
			b.WriteString(";")
			for _, l := range top.Links(store.ID, site.ID) {
				fmt.Fprintf(&b, " %d, %s, %s", l.Site, l.Name, l.Value)
				if l.Local {
					b.WriteString(", local")
				}
				b.WriteString(";")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// TestR_C_30_TablesOfF1: the worked example's tables follow from its visible
// pairs and the two choices (R-C-03, R-C-04, R-C-11, R-C-15, R-C-26).
func TestR_C_30_TablesOfF1(t *testing.T) { golden.File(t, "testdata/f1.golden", table(f1().build(t))) }

// TestR_C_31_TablesOfF2: the mirrored example's tables.
func TestR_C_31_TablesOfF2(t *testing.T) {
	top := f2().build(t)
	golden.File(t, "testdata/f2.golden", table(top))
	for _, code := range []string{"A", "B", "C", "D", "E", "F"} {
		store := id("store" + code)
		if got := top.SyncWith(store, 4); got != topology.WithTransfer {
			t.Errorf("column 4 of %s on the centre: %s; want transfer", code, got)
		}
		if in := top.Instance(store, 4); in.Type != topology.Transfer {
			t.Errorf("%s on site 4: %s", code, in.Type)
		}
		want := topology.WithActive
		if code == "F" {
			want = topology.WithTransfer
		}
		if links := top.Links(store, 4); len(links) != 1 || links[0].Site != 1 || links[0].Value != want {
			t.Errorf("%s's table on site 4: %v; want 1 = %s", code, links, want)
		}
	}
	if got := top.SyncWith(id("storeP"), 4); got != topology.WithActive {
		t.Errorf("column 4 of P: %s", got)
	}
}

// TestR_C_01_R_C_11 walks through the derivation, a rule a row: one good system,
// spoiled.
func TestR_C_01_R_C_11_Derivation(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(*system)
		store string
		site  atoll.SiteID
		want  topology.SyncType
	}{
		{"R-C-11 active where its Sync ID says", nil, "B", 2, topology.Active},
		{"R-C-15 collector on the centre", nil, "D", 1, topology.Collector},
		{"R-C-15 unless managed only", nil, "F", 1, topology.Transfer},
		{"R-C-11 transfer where a store sees it", nil, "B", 3, topology.Transfer},
		{"R-C-11 collector where chosen", nil, "A", 2, topology.Collector},
		{"R-C-11 none where nobody sees it", nil, "D", 2, topology.None},
		{"R-C-12 the first visibility makes it transfer", func(s *system) { s.visible = append(s.visible, "BD") }, "D", 2, topology.Transfer},
		{"R-C-12 by one row of the pair", func(s *system) { s.visible = append(s.visible, ">BD") }, "D", 2, topology.Transfer},
		{"R-C-12 by the store's name", func(s *system) { s.visible = append(s.visible, ":DB") }, "D", 2, topology.Transfer},
		{"R-C-12 and does not overwrite collector", func(s *system) { s.visible = append(s.visible, "AF") }, "A", 2, topology.Collector},
		{"R-C-13 the last visibility ends transfer", func(s *system) { s.visible = []string{"AB"} }, "C", 2, topology.None},
		{"R-C-13 and collector", func(s *system) { s.visible = []string{"BC"} }, "A", 2, topology.None},
		{"R-C-13 not the last but one", func(s *system) { s.visible = []string{"BC", "FC"} }, "C", 2, topology.Transfer},
		{"R-C-16 no store sees itself", func(s *system) { s.visible = []string{"DD"} }, "D", 2, topology.None},
		{"R-C-116 a store that moves brings its visibility", func(s *system) { s.stores["E"] = 3 }, "A", 3, topology.Transfer},
		{"R-C-117 and takes it away", func(s *system) { s.stores["B"] = 3 }, "A", 2, topology.None},
		{"a store nobody knows", nil, "X", 2, topology.None},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := f1()
			if row.spoil != nil {
				row.spoil(&s)
			}
			if got := s.build(t).Instance(id("store"+row.store), row.site); got.Type != row.want {
				t.Errorf("%s on site %d: %s; want %s", row.store, row.site, got.Type, row.want)
			}
		})
	}
}

// TestR_C_03: the value for a linked site is the type there.
func TestR_C_03_SyncWith(t *testing.T) {
	for name, s := range map[string]system{"f1": f1(), "f2": f2()} {
		top := s.build(t)
		for _, store := range top.Stores() {
			for _, site := range top.Sites() {
				want := map[topology.SyncType]topology.SyncWith{
					topology.None: topology.WithNone, topology.Transfer: topology.WithTransfer,
					topology.Active: topology.WithActive, topology.Collector: topology.WithActive,
				}[top.Instance(store.ID, site.ID).Type]
				if got := top.SyncWith(store.ID, site.ID); got != want {
					t.Errorf("%s: %s with %d: %s; want %s", name, store.Code, site.ID, got, want)
				}
			}
		}
	}
}

// TestR_C_04: the centre lists every remote site; a remote site lists the centre
// only, under its own name.
func TestR_C_04_RowsOfTheTable(t *testing.T) {
	top := f2().build(t)
	links := top.Links(id("storeB"), 3)
	if want := (topology.Link{Site: 1, Name: "Sync Client 2", Value: topology.WithActive}); len(links) != 1 || links[0] != want {
		t.Errorf("B's table on site 3: %v; want only %v", links, want)
	}
	var sites []atoll.SiteID
	for _, l := range top.Links(id("storeB"), 1) {
		sites = append(sites, l.Site)
	}
	if !slices.Equal(sites, []atoll.SiteID{2, 3, 4}) {
		t.Errorf("B's table on the centre lists %v; want every remote site", sites)
	}
}

// TestSubscriptions: the audiences of each site are those of its instances.
func TestSubscriptions(t *testing.T) {
	var b strings.Builder
	for i, s := range []system{f1(), f2()} {
		s.dispensary = []string{"C"}
		top := s.build(t)
		names := strings.NewReplacer(replacements(s)...)
		for _, site := range top.Sites() {
			fmt.Fprintf(&b, "F%d, site %d:\n", i+1, site.ID)
			var lines []string
			for _, a := range top.Subscription(site.ID) {
				lines = append(lines, names.Replace(string(a)))
			}
			slices.Sort(lines)
			for _, l := range lines {
				fmt.Fprintf(&b, "  %s\n", l)
			}
		}
	}
	golden.File(t, "testdata/subscriptions.golden", b.String())
}

func replacements(s system) (out []string) {
	for code := range s.stores {
		out = append(out, string(id("store"+code)), code)
	}
	return out
}

// TestDiff: what changes is told once, from both sides.
func TestDiff(t *testing.T) {
	before := f1().build(t)
	s := f1()
	s.visible = append(s.visible[1:], "BD")
	got := topology.Diff(before, s.build(t))
	want := []topology.Change{
		{Store: id("storeA"), Site: 2, From: topology.Collector, To: topology.None},
		{Store: id("storeD"), Site: 2, From: topology.None, To: topology.Transfer},
	}
	slices.SortFunc(want, func(a, b topology.Change) int { return strings.Compare(string(a.Store), string(b.Store)) })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestR_B_94_IncludedUnlessSaid: a dispensary's transactions are included unless
// its record says otherwise; of another store they always are (T-30).
func TestR_B_94_IncludedUnlessSaid(t *testing.T) {
	for _, row := range []struct {
		fields atoll.Fields
		want   bool
	}{
		{atoll.Fields{}.Set("mode", "dispensary"), false},
		{atoll.Fields{}.Set("mode", "dispensary").Set("include_transactions", true), false},
		{atoll.Fields{}.Set("mode", "dispensary").Set("include_transactions", false), true},
		{atoll.Fields{}.Set("mode", "store").Set("include_transactions", false), false},
	} {
		if got := topology.StoreFrom(id("storeA"), row.fields).Excluded; got != row.want {
			t.Errorf("%s: excluded %t; want %t", row.fields.Encode(), got, row.want)
		}
	}
}
