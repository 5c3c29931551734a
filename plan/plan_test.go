package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/plan"
	"github.com/atollsync/atoll/topology"
)

func nothing(t *testing.T) *topology.Topology {
	t.Helper()
	top, err := topology.Build(func(func(atoll.Record, error) bool) {})
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// district is one good set of answers, for tests to spoil.
func district() plan.Answers {
	return plan.Answers{
		Server: plan.Server{MostlyOnline: true, FixedAddress: true, OpenPorts: true}, SiblingsTransfer: true, CentralProcurement: true,
		Stores: []plan.Store{
			{Code: "CMS", Name: "Central store", Internet: "always"},
			{Code: "HOSP", Name: "Hospital", Internet: "daily", Devices: 5, Suppliers: []string{"CMS"}},
			{Code: "NORTH", Name: "North clinic", Dispensary: true, Internet: "weekly", Suppliers: []string{"CMS"}, Users: []plan.User{{Name: "amina", Role: "store_user"}}},
			{Code: "SOUTH", Name: "South post", Internet: "none", Power: "none", Suppliers: []string{"HOSP"}},
		},
	}
}

func words(p plan.Plan, do plan.Verb) (out []string) {
	for _, s := range p.Steps {
		if s.Do == do {
			out = append(out, strings.TrimSpace(s.A+" "+s.B))
		}
	}
	return out
}

// TestR_H_51: the answers fill in sites, visibility and preferences.
func TestR_H_51_AnswersFillIn(t *testing.T) {
	p := plan.Make(district(), nothing(t))
	if len(p.Problems) > 0 || !strings.Contains(p.Advice, "one server at the head office") {
		t.Errorf("problems %v, advice %q", p.Problems, p.Advice)
	}
	for do, want := range map[plan.Verb][]string{
		plan.AddStore:   {"CMS Central store", "HOSP Hospital", "NORTH North clinic", "SOUTH South post"},
		plan.AddSite:    {"Hospital server", "North clinic desktop", "South post mobile"}, // the central store works at the centre
		plan.Assign:     {"HOSP Hospital", "NORTH North clinic", "SOUTH South post"},
		plan.Visible:    {"CMS HOSP", "CMS NORTH", "HOSP SOUTH", "HOSP NORTH"},
		plan.Preference: {"centralised_procurement"},
	} {
		if got := words(p, do); !slices.Equal(got, want) {
			t.Errorf("%s: %q; want %q", do, got, want)
		}
	}
	list := p.String()
	for _, want := range []string{"atoll user add amina --role store_user", "South post has no internet", "to make"} {
		if !strings.Contains(list, want) {
			t.Errorf("%q is not in\n%s", want, list)
		}
	}
}

// TestR_H_51_Server: the choice of the server, row by row.
func TestR_H_51_Server(t *testing.T) {
	for _, row := range []struct {
		server   plan.Server
		words    string
		mirrored bool
	}{
		{plan.Server{MostlyOnline: true, FixedAddress: true, OpenPorts: true}, "at the head office, centre and primary", false},
		{plan.Server{MostlyOnline: true, FixedAddress: true, OpenPorts: true, FastInternet: true}, "at the head office, centre and primary", false},
		{plan.Server{MostlyOnline: true, FixedAddress: true, FastInternet: true}, "in the cloud, centre and primary", false},
		{plan.Server{FastInternet: true}, "in the cloud, centre and primary", false},
		{plan.Server{MostlyOnline: true}, "a primary at the head office", true},
		{plan.Server{}, "a primary at the head office", true},
	} {
		a := district()
		a.Server = row.server
		p := plan.Make(a, nothing(t))
		if !strings.Contains(p.Advice, row.words) || slices.Contains(words(p, plan.AddSite), "Primary mirror") != row.mirrored {
			t.Errorf("%+v: %q, sites %q", row.server, p.Advice, words(p, plan.AddSite))
		}
	}
}

// TestR_H_51_Problems: answers that do not fit together are told, each.
func TestR_H_51_Problems(t *testing.T) {
	no := false
	for _, row := range []struct {
		name  string
		spoil func(*plan.Answers)
		words string
	}{
		{"two codes", func(a *plan.Answers) { a.Stores[1].Code = "CMS" }, "another store has"},
		{"no code", func(a *plan.Answers) { a.Stores[1].Code = "" }, "no code"},
		{"unknown supplier", func(a *plan.Answers) { a.Stores[1].Suppliers = []string{"MOON"} }, "MOON"},
		{"unknown internet", func(a *plan.Answers) { a.Stores[1].Internet = "sometimes" }, "always, daily, weekly or none"},
		{"unknown product", func(a *plan.Answers) { a.Stores[1].Product = "toaster" }, "toaster"},
		{"at the centre without internet", func(a *plan.Answers) { a.Stores[2].Product = "centre" }, "over the internet"},
		{"two stores on a tablet", func(a *plan.Answers) {
			a.Stores[2].Product, a.Stores[2].Site, a.Stores[3].Site = "mobile", "Tablet", "Tablet"
		}, "one store only"},
		{"two products on a site", func(a *plan.Answers) { a.Stores[1].Site, a.Stores[2].Site = "X", "X" }, "on server and on desktop"},
	} {
		a := district()
		row.spoil(&a)
		if p := plan.Make(a, nothing(t)); !strings.Contains(strings.Join(p.Problems, "; "), row.words) {
			t.Errorf("%s: %q", row.name, p.Problems)
		}
	}
	a := district()
	a.Stores[2].PrescriptionsAtCentre = &no
	if p := plan.Make(a, nothing(t)); len(p.Problems) > 0 || !slices.Equal(words(p, plan.Transactions), []string{"NORTH"}) {
		t.Errorf("prescriptions are not wanted: %q %q", words(p, plan.Transactions), p.Problems)
	}
}
