package simulate

import (
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
)

// versions is the worked example with programs that can be replaced.
func versions(t *testing.T) (w *world, upgrade func(atoll.SiteID)) {
	t.Helper()
	next, upgraded := NextCatalogue(), map[string]bool{}
	parts := usual()
	parts.Catalogue = func(name string) *catalogue.Catalogue {
		if upgraded[name] {
			return next
		}
		return catalogue.Embedded()
	}
	f, err := F1With(t.Context(), t.TempDir(), parts, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	f.Catalogue = next
	return &world{f, t, t.Context()}, func(at atoll.SiteID) {
		t.Helper()
		n := f.At(at)
		upgraded[n.Name] = true
		if err := n.Store.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Open(t.Context(), n.Name, n.Identity); err != nil {
			t.Fatal(err)
		}
	}
}

// What an old program does not know is kept as it came, passed on, and there once the
// program knows it: in its records, and in its lists.
//
// R-K-62, R-K-63.
func TestR_K_62_R_K_63_AnOldSite(t *testing.T) {
	w, upgrade := versions(t)
	upgrade(1)
	id, p := Item("x")
	p.Fields.Set("hazard", "acid")
	note := journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "hazard_note", ID: atoll.NewID(w.Clock.Now())}, Fields: atoll.Fields{}.
		Set("item_id", id).Set("words", "keep upright")}
	if err := w.Centre.Insert(w.ctx, p, note); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	if got := w.want(2, "item", id).Fields.Text("hazard"); got != "acid" {
		t.Errorf("the old site keeps the hazard as %q", got)
	}
	st, err := w.Sites[2].Site.Status(w.ctx)
	if err != nil || st.Unresolved != 1 || !st.RulesDiffer {
		t.Errorf("%d records wait at the old site (%v), the rules differ: %t; want the note", st.Unresolved, err, st.RulesDiffer)
	}
	upgrade(2)
	if got := w.list(2, "item", "hazard", "acid"); len(got) != 1 || got[0].ID != id {
		t.Errorf("after the upgrade %d items are listed by their hazard", len(got))
	}
	upgrade(3)
	w.sync(2, 3)
	w.equal("hazard_note", note.Key.ID, 1, 2)
	w.equal("item", id, 1, 3)
	w.peace()
}

// What an old program could not take, and is not to have any more when it could, is not
// taken.
//
// R-K-63.
func TestR_K_63_LostBeforeItWasKnown(t *testing.T) {
	w, upgrade := versions(t)
	upgrade(1)
	shelf := w.insert(1, "location", atoll.Fields{}.Set("store_id", w.Stores["A"]).Set("code", "L").Set("name", "L"))
	check := w.insert(1, "location_check", atoll.Fields{}.Set("store_id", w.Stores["A"]).Set("location_id", shelf).Set("words", "in order"))
	w.sync(2)
	if st, err := w.Sites[2].Site.Status(w.ctx); err != nil || st.Unresolved != 1 {
		t.Fatalf("%d records wait at the old site (%v); want the check", st.Unresolved, err)
	}
	w.configure(central.Collect(w.Stores["A"], 2, false))
	w.sync(2, 2)
	upgrade(2)
	upgrade(3)
	w.sync(2)
	if w.get(2, "location_check", check) != nil {
		t.Error("the site holds what it had lost before it knew it")
	}
	w.peace()
}

// A site that is newer than the centre is turned away, works on, and has lost nothing
// when the centre follows.
//
// R-K-62, R-K-64.
func TestR_K_62_R_K_64_ANewSite(t *testing.T) {
	w, upgrade := versions(t)
	upgrade(2)
	name := w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", "L1").Set("name", "Shelf 1"))
	if _, err := w.Sync(w.ctx, 2); !errors.Is(err, atoll.OldProtocol) {
		t.Errorf("the newer site's cycle: %v; want it turned away", err)
	}
	w.update(2, "location", name, atoll.Fields{}.Set("name", "Shelf one"))
	if st, err := w.Sites[2].Site.Status(w.ctx); err != nil || st.Waiting != 2 {
		t.Errorf("%d changes wait (%v); want both", st.Waiting, err)
	}
	upgrade(1)
	w.sync(2)
	w.equal("location", name, 1, 2)
	upgrade(3)
	w.peace()
}
