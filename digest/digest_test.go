package digest_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
)

func record(n int) atoll.Record {
	id := atoll.DeriveID("digest", fmt.Sprint(n))
	return atoll.Record{
		Key: atoll.Key{Type: "item", ID: id}, Version: 3, Origin: atoll.Origin{Site: 2, Seq: 9},
		Body: atoll.Fields{}.Set("name", fmt.Sprint("Item ", n)).Encode(), Position: 40, Audiences: []atoll.Audience{atoll.All},
	}
}

// TestR_H_44_WhatCounts: everything a replica must have to the byte changes the
// checksum, and where it is kept does not.
func TestR_H_44_WhatCounts(t *testing.T) {
	good := record(1)
	for _, row := range []struct {
		name    string
		spoil   func(*atoll.Record)
		changes bool
	}{
		{"another type", func(r *atoll.Record) { r.Type = "unit" }, true},
		{"another id", func(r *atoll.Record) { r.ID = record(2).ID }, true},
		{"another version", func(r *atoll.Record) { r.Version = 4 }, true},
		{"another origin", func(r *atoll.Record) { r.Origin.Seq = 10 }, true},
		{"deleted", func(r *atoll.Record) { r.Deleted = true }, true},
		{"another body", func(r *atoll.Record) { r.Body = []byte(`{"name":"item 1"}`) }, true},
		{"another position", func(r *atoll.Record) { r.Position = 41 }, false},
		{"other audiences", func(r *atoll.Record) { r.Audiences = nil }, false},
		{"hidden", func(r *atoll.Record) { r.Hidden = true }, false},
	} {
		r := good
		row.spoil(&r)
		if changed := digest.Of(r) != digest.Of(good); changed != row.changes {
			t.Errorf("%s: the checksum changed: %t", row.name, changed)
		}
	}
}

// TestSetsHaveNoOrder: a set has one digest however it came about: in any order,
// by adding and removing, from parts (R-H-44).
func TestSetsHaveNoOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(rt, "records")
		order := rapid.Permutation(seq(n)).Draw(rt, "order")
		var plain, shuffled, left, right digest.Sum
		for i := range n {
			plain.Add(digest.Of(record(i)))
			part := &left
			if i%3 == 0 {
				part = &right
			}
			part.Add(digest.Of(record(i)))
		}
		for _, i := range order {
			shuffled.Add(digest.Of(record(i)))
			shuffled.Add(digest.Of(record(100 + i)))
		}
		for i := range n {
			shuffled.Remove(digest.Of(record(100 + i)))
		}
		left.Join(right)
		if plain != shuffled || plain != left {
			rt.Errorf("%s, %s, %s", plain, shuffled, left)
		}
		if n > 0 {
			shuffled.Remove(digest.Of(record(0)))
			if plain == shuffled {
				rt.Error("without one record it is the same")
			}
		}
		var back digest.Sum
		b, err := json.Marshal(plain)
		if err == nil {
			err = json.Unmarshal(b, &back)
		}
		if err != nil || back != plain {
			rt.Errorf("%s comes back from %s as %s: %v", plain, b, back, err)
		}
	})
}

func TestNotADigest(t *testing.T) {
	for _, text := range []string{"", "3", "x 00", "-1 " + fmt.Sprintf("%064x", 0), "1 00ff"} {
		var s digest.Sum
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %s", text, s)
		}
	}
}

func TestCompare(t *testing.T) {
	a, b := digest.Table{}, digest.Table{}
	for i := range 5 {
		a.Add(record(i))
		b.Add(record(i))
	}
	if d := a.Compare(b); d != nil {
		t.Errorf("equal tables differ: %v", d)
	}
	unit := record(1)
	unit.Type = "unit"
	b.Add(unit)
	d := a.Compare(b)
	if len(d) != 1 || d[0].Type != "unit" || d[0].A.Count != 0 || d[0].B.Count != 1 || b.Count() != 6 {
		t.Errorf("got %v", d)
	}
	seen := map[int]bool{}
	for i := range 2000 {
		r := digest.Range(record(i).ID)
		if r < 0 || r >= digest.Ranges {
			t.Fatalf("range %d", r)
		}
		seen[r] = true
	}
	if len(seen) < digest.Ranges-5 {
		t.Errorf("2000 records fall into %d ranges only", len(seen))
	}
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
