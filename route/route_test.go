package route_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/golden"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/topology"
)

func id(name string) atoll.ID { return atoll.DeriveID("test", name) }

// f1 is the worked example: B and F (managed only) on site 2, C and D on site 3,
// A and E at the centre. Set changes a store's fields, and preferences are those
// that are on.
func f1(t *testing.T, primary int, set map[string]atoll.Fields, preferences ...string) *topology.Topology {
	t.Helper()
	records := []atoll.Record{{Key: atoll.Key{Type: "system", ID: id("system")}, Body: atoll.Fields{}.Set("centre", 1).Set("primary", primary).Encode()}}
	for code, site := range map[string]int{"A": 1, "B": 2, "C": 3, "D": 3, "E": 1, "F": 2} {
		f := atoll.Fields{}.Set("code", code).Set("name", code).Set("site_id", site).Set("managed_only", code == "F").Apply(set[code])
		records = append(records, atoll.Record{Key: atoll.Key{Type: "store", ID: id(code)}, Body: f.Encode()})
	}
	for _, p := range preferences {
		records = append(records, atoll.Record{
			Key: atoll.Key{Type: "preference", ID: id(p)}, Body: atoll.Fields{}.Set("key", p).Set("value", true).Encode(),
		})
	}
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

// example is a record of the type in the store, addressed to store C where it can
// be: every reference is named by the type it points at.
func example(d *catalogue.Def, store string) (atoll.Key, atoll.Fields) {
	key, f := atoll.Key{Type: d.Type, ID: id("this")}, atoll.Fields{}
	for _, field := range d.Fields {
		if field.Kind == catalogue.Reference {
			f.Set(field.Name, id(string(field.To)))
			if field.To == "store" {
				f.Set(field.Name, id(store))
			}
		}
	}
	if d.Type == "store" {
		key.ID = id(store)
	}
	if _, ok := d.Field("to_store_id"); ok {
		f.Set("to_store_id", id("C"))
	}
	if d.Type == "store_choice" {
		f.Set("site_id", 2)
	}
	if d.Partner != "" {
		f.Set(d.Partner, id("C"))
	}
	return key, f
}

func words(audiences []atoll.Audience) string {
	replace := []string{}
	for _, code := range []string{"A", "B", "C", "D", "E", "F", "this", "patient", "prescriber", "name"} {
		replace = append(replace, string(id(code)), code)
	}
	out := make([]string, len(audiences))
	for i, a := range audiences {
		out[i] = strings.NewReplacer(replace...).Replace(string(a))
	}
	if len(out) == 0 {
		return "the centre only"
	}
	return strings.Join(out, ", ")
}

// TestAudiences: for every record type, where an example of store B in the worked
// example goes (R-B-71 to R-B-78), what stays at the site when its store is
// managed only or excludes its transactions (R-B-76, R-B-92), and what a
// preference changes.
func TestR_B_71_R_B_74_R_B_78_Audiences(t *testing.T) {
	var b strings.Builder
	plain := f1(t, 1, nil)
	excluded := f1(t, 1, map[string]atoll.Fields{"B": atoll.Fields{}.Set("mode", "dispensary").Set("include_transactions", false)})
	for _, d := range catalogue.Embedded().Types() {
		key, f := example(d, "B")
		before := words(route.Audiences(plain, d, key, f))
		fmt.Fprintf(&b, "%s (%s, %s)\n  %s\n", d.Type, d.Class, d.Route, before)
		if d.Partner != "" {
			alone := f.Clone()
			delete(alone, d.Partner)
			fmt.Fprintf(&b, "  not addressed to a store: %s\n", words(route.Audiences(plain, d, key, alone)))
		}
		for _, e := range d.Also {
			for _, primary := range []int{1, 4} {
				if now := words(route.Audiences(f1(t, primary, nil, e.Name), d, key, f)); now != before {
					fmt.Fprintf(&b, "  with %s, primary %d: %s\n", e.Name, primary, now)
				}
			}
		}
		_, inF := example(d, "F")
		lone := f.Clone()
		delete(lone, d.Partner)
		for _, row := range []struct {
			name string
			is   bool
		}{
			{"stays everywhere", route.Stays(plain, d, f)},
			{"stays when managed only", !route.Stays(plain, d, f) && route.Stays(plain, d, inF)},
			{"stays when transactions are excluded", !route.Stays(plain, d, f) && route.Stays(excluded, d, f)},
			{"stays when transactions are excluded, unless it is a transfer", !route.Stays(excluded, d, f) && route.Stays(excluded, d, lone)},
		} {
			if row.is {
				fmt.Fprintf(&b, "  %s\n", row.name)
			}
		}
	}
	golden.File(t, "testdata/audiences.golden", b.String())
}

// TestR_B_73_NotToTransferInstances: store data names the store's readers, and
// never those that hold its core record only.
func TestR_B_73_NotToTransferInstances(t *testing.T) {
	top := f1(t, 1, nil)
	for _, d := range catalogue.Embedded().Types() {
		if d.Class != catalogue.Store {
			continue
		}
		key, f := example(d, "B")
		for _, a := range route.Audiences(top, d, key, f) {
			if kind, _ := a.Split(); kind == "core" || a == atoll.All {
				t.Errorf("%s goes to %s", d.Type, words([]atoll.Audience{a}))
			}
		}
	}
}
