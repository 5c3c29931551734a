package verify_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/verify"
)

// TestR_H_44_Verdicts: what a row that differs means (R-H-44). The owner's row
// stands unless it is spoiled, what is on its way is no difference, and nobody is
// given or takes back what is not his.
func TestR_H_44_Verdicts(t *testing.T) {
	shown := verify.Here{Shown: true}
	due := verify.There{Has: true, Whole: true, Due: true}
	owned := verify.There{Has: true, Whole: true, Due: true, Owned: true}
	for _, row := range []struct {
		name  string
		equal bool
		here  verify.Here
		there verify.There
		want  verify.Verdict
	}{
		{"the same", true, shown, due, verify.Same},
		{"changed here, not sent", false, verify.Here{Shown: true, UnderWay: true}, due, verify.UnderWay},
		{"changed there since", false, shown, verify.There{Has: true, Whole: true, Due: true, UnderWay: true}, verify.UnderWay},
		{"on neither end", false, verify.Here{}, verify.There{}, verify.Same},
		{"a replica that is missing", false, verify.Here{}, due, verify.Take},
		{"an own record that is missing", false, verify.Here{}, owned, verify.Take},
		{"a tombstone that is missing", false, verify.Here{}, verify.There{Has: true, Whole: true, Due: true, Deleted: true}, verify.Take},
		{"one not meant for the site, and not there", false, verify.Here{}, verify.There{Has: true, Whole: true}, verify.Same},
		{"an old document that the site was spared", false, verify.Here{}, verify.There{Has: true, Whole: true, Due: true, Spared: true}, verify.Spared},
		{"a replica with other content", false, shown, due, verify.Take},
		{"a replica that is spoiled", false, verify.Here{Shown: true, Spoiled: true}, due, verify.Take},
		{"an own record with other content", false, verify.Here{Shown: true, Made: true}, owned, verify.Give},
		{"an own record that is spoiled here", false, verify.Here{Shown: true, Made: true, Spoiled: true}, owned, verify.Take},
		{"an own record not listed for its site", true, verify.Here{Shown: true, Made: true}, verify.There{Has: true, Whole: true, Owned: true}, verify.Same},
		{"made here, and another's now", true, verify.Here{Shown: true, Made: true}, verify.There{Has: true, Whole: true}, verify.Same},
		{"made here, another's now, and other there", false, verify.Here{Shown: true, Made: true}, verify.There{Has: true, Whole: true}, verify.Drop},
		{"one that the site should not have", true, shown, verify.There{Has: true, Whole: true}, verify.Drop},
		{"one that the centre never had", false, shown, verify.There{}, verify.Drop},
		{"one that the centre lost", false, shown, verify.There{Told: true}, verify.Mend},
		{"an own one that the centre never had", false, verify.Here{Shown: true, Made: true}, verify.There{}, verify.Give},
		{"an own one that the centre lost", false, verify.Here{Shown: true, Made: true}, verify.There{Told: true}, verify.Mend},
		{"a row that a disk made up", false, verify.Here{Shown: true, Made: true, Spoiled: true}, verify.There{}, verify.Drop},
		{"made and unmade before it was sent", false, verify.Here{Shown: true, Made: true, Deleted: true}, verify.There{}, verify.Same},
		{"the centre's is spoiled, its journals tell", false, shown, verify.There{Has: true, Due: true, Told: true}, verify.Mend},
		{"the centre's is spoiled, the site owns it", false, verify.Here{Shown: true, Made: true}, verify.There{Has: true, Due: true, Owned: true}, verify.Give},
		{"both are spoiled", false, verify.Here{Shown: true, Spoiled: true}, verify.There{Has: true, Due: true, Owned: true}, verify.Open},
		{"the centre's is spoiled, the site has a replica", false, shown, verify.There{Has: true, Due: true}, verify.Open},
	} {
		if got := verify.Judge(row.equal, row.here, row.there); got != row.want {
			t.Errorf("%s: %s; want %s", row.name, got, row.want)
		}
	}
}

// Whatever is so, equal rows that the site should have are never touched, what is
// under way neither, and a spoiled row is never given to anybody (R-H-44).
func TestR_H_44_VerdictsAlways(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := func(name string) bool { return rapid.Bool().Draw(rt, name) }
		here := verify.Here{b("shown"), b("spoiled"), b("deleted"), b("under way"), b("made")}
		there := verify.There{b("has"), b("whole"), b("due"), b("owned"), b("its deleted"), b("its under way"), b("spared"), b("told")}
		equal := here.Shown && there.Has && b("equal")
		v := verify.Judge(equal, here, there)
		switch {
		case (here.UnderWay || there.UnderWay) != (v == verify.UnderWay):
			rt.Errorf("%s: %+v, %+v", v, here, there)
		case v == verify.UnderWay:
		case v == verify.Give && (here.Spoiled || !here.Shown || !there.Owned && !here.Made):
			rt.Errorf("given what is spoiled, missing or another's: %+v, %+v", here, there)
		case v == verify.Take && (!there.Has || !there.Whole || !there.Due):
			rt.Errorf("taken what is spoiled, missing or not due: %+v, %+v", here, there)
		case v == verify.Drop && there.Due && there.Has:
			rt.Errorf("dropped what is due: %+v, %+v", here, there)
		case equal && there.Whole && there.Due && v != verify.Same:
			rt.Errorf("equal, and %s: %+v, %+v", v, here, there)
		}
	})
}

func rows(n int) (out []verify.Leaf) {
	for i := range n {
		out = append(out, verify.LeafOf(atoll.Record{
			Key: atoll.Key{Type: "item", ID: atoll.DeriveID("item", fmt.Sprint(i))}, Version: 1, Body: fmt.Appendf(nil, `{"n":%d}`, i),
		}))
	}
	return out
}

// The walk finds exactly the leaves of the rows that differ, whatever was lost, made
// up or changed on either end (R-H-44).
func TestR_H_44_TheWalkFindsWhatDiffers(t *testing.T) {
	all := rows(3000)
	rapid.Check(t, func(rt *rapid.T) {
		ours, theirs := slices.Clone(all), slices.Clone(all)
		want := map[string]bool{}
		for range rapid.IntRange(0, 12).Draw(rt, "damage") {
			side := &ours
			if rapid.Bool().Draw(rt, "at the centre") {
				side = &theirs
			}
			n := rapid.IntRange(0, len(*side)-1).Draw(rt, "row")
			l := (*side)[n]
			if want[hex.EncodeToString(l.Path[:])] {
				continue
			}
			want[hex.EncodeToString(l.Path[:])] = true
			if rapid.Bool().Draw(rt, "removed") {
				*side = slices.Delete(*side, n, n+1)
				continue
			}
			// A digest of its own: two equal differences would cancel out in a sum, as
			// those of hashes do not.
			l.Sum = digest.Row(sha256.Sum256(fmt.Appendf(nil, "%d changed to %d", n, rapid.Uint32().Draw(rt, "to"))))
			(*side)[n] = l
		}
		found := map[string]bool{}
		branches, err := verify.Apart(nil, verify.Parts(ours, nil), verify.Parts(theirs, nil))
		if err != nil {
			rt.Fatal(err)
		}
		for _, b := range branches {
			prefix, err := verify.ParsePrefix(b)
			if err != nil {
				rt.Fatal(err)
			}
			leaves, err := verify.Apart(prefix, verify.Parts(ours, prefix), verify.Parts(theirs, prefix))
			if err != nil {
				rt.Fatal(err)
			}
			for _, l := range leaves {
				found[l] = true
			}
		}
		if len(found) != len(want) || (verify.All(ours) == verify.All(theirs)) != (len(want) == 0) {
			rt.Fatalf("found %v; want %v", found, want)
		}
		for l := range want {
			if !found[l] {
				rt.Errorf("%s was not found", l)
			}
		}
	})
}

func TestNoNode(t *testing.T) {
	ok := verify.Parts(rows(10), nil)
	for _, bad := range [][]byte{nil, ok[1:], append(slices.Clone(ok), 0)} {
		if _, err := verify.Apart(nil, ok, bad); err == nil {
			t.Errorf("%d bytes were taken for the digests of a node", len(bad))
		}
	}
	if _, err := verify.Apart([]byte{1, 2}, ok, ok); err == nil {
		t.Error("a leaf was taken for a node")
	}
}

// FuzzParsePrefix: a prefix comes from another machine.
func FuzzParsePrefix(f *testing.F) {
	for _, s := range []string{"", "0a", "0A", "0a1b", "0a1b2c", "x", "0", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := verify.ParsePrefix(s)
		if err != nil {
			return
		}
		if len(b) > verify.Depth || hex.EncodeToString(b) != s {
			t.Errorf("%q was read as %x", s, b)
		}
	})
}
