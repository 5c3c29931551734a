package merge_test

import (
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/merge"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// world is items as they stand.
type world map[atoll.ID]atoll.Fields

func (w world) Record(key atoll.Key) (atoll.Record, bool, error) {
	f, ok := w[key.ID]
	return atoll.Record{Key: key, Version: 1, Body: f.Encode()}, ok && key.Type == "item", nil
}

func (w world) Lines(atoll.Type, string, atoll.ID) ([]atoll.Record, error) { return nil, nil }

func id(name string) atoll.ID { return atoll.DeriveID("merge test", name) }

func active() atoll.Fields {
	return atoll.Fields{}.Set("code", "c").Set("name", "n").Set("kind", "stock").Set("status", "active")
}

func into(name string) atoll.Fields {
	return active().Set("status", survivor.Merged).Set("merged_into", id(name))
}

// The laws, as they are asked about an entry that arrives (R-E-05, R-E-44, R-E-51):
// a merge must be whole and lead to a record that is there; what tells of the past,
// a restatement or an import, is taken though what it names comes later.
func TestR_E_05_R_E_44_R_E_51_OnArrival(t *testing.T) {
	def, _ := catalogue.Embedded().Lookup("item")
	top, err := topology.Build(func(func(atoll.Record, error) bool) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name     string
		world    world
		verb     atoll.Verb
		old, new atoll.Fields
		imported bool
		want     atoll.Code
	}{
		{"a merge", world{id("y"): active()}, atoll.Update, active(), into("y"), false, ""},
		{"into itself", world{}, atoll.Update, active(), into("x"), false, atoll.Rule},
		{"into what is not there", world{}, atoll.Update, active(), into("y"), false, atoll.Reference},
		{"into what was merged", world{id("y"): into("z"), id("z"): active()}, atoll.Update, active(), into("y"), false, atoll.Rule},
		{"R-E-44 a circle", world{id("y"): into("z"), id("z"): into("x")}, atoll.Update, active(), into("y"), false, atoll.Rule},
		{"R-E-44 a circle, restated", world{id("y"): into("x")}, atoll.Restate, nil, into("y"), false, atoll.Rule},
		{"merged, and nobody says into what", world{}, atoll.Update, active(), active().Set("status", survivor.Merged), false, atoll.Rule},
		{"into something, and not merged", world{id("y"): active()}, atoll.Update, active(), active().Set("merged_into", id("y")), false, atoll.Rule},
		{"from one into another", world{id("z"): active()}, atoll.Update, into("y"), into("z"), false, atoll.Rule},
		{"an item of another kind", world{id("y"): active().Set("kind", "service")}, atoll.Update, active(), into("y"), false, atoll.Rule},
		{"restated before what it names", world{}, atoll.Restate, nil, into("y"), false, ""},
		{"imported before what it names", world{}, atoll.Insert, nil, into("y"), true, ""},
		{"R-E-51 undone", world{id("y"): active()}, atoll.Update, into("y"), active().Set("unmerged_from", id("y")), false, ""},
		{"R-E-51 undone, and not said which", world{id("y"): active()}, atoll.Update, into("y"), active(), false, atoll.Rule},
		{"R-E-51 undone after the survivor was merged", world{id("y"): into("z")}, atoll.Update, into("y"), active().Set("unmerged_from", id("y")), false, atoll.Rule},
	} {
		t.Run(row.name, func(t *testing.T) {
			op := atoll.Operation{Verb: row.verb, Key: atoll.Key{Type: "item", ID: id("x")}, Fields: row.old.Changes(row.new)}
			c := admit.Change{Op: &op, Def: def, Old: row.old, New: row.new, Imported: row.imported}
			var got error
			for _, rule := range merge.Rules() {
				if err := rule(top, row.world, []admit.Change{c}, c); err != nil {
					got = err
				}
			}
			if row.want == "" && got != nil || row.want != "" && !errors.Is(got, row.want) {
				t.Errorf("got %v, want %q", got, row.want)
			}
		})
	}
}
