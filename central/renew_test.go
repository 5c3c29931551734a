package central_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/sqlite"
)

// A site is restored from a backup after which it exchanged nothing: it goes on
// under a new timeline, and what it had not sent yet arrives. The database it had
// before is out from then on, also where it comes later with as many exchanges.
//
// R-H-13, R-H-27.
func TestRenewedSiteGoesOn(t *testing.T) {
	r := newRig(t)
	r.invoice(2, "B")
	r.peace()
	unsent := r.invoice(2, "B")
	old := r.backup(2)
	r.putBack(2, old)
	for range 2 { // restored again before it was heard of
		if err := r.Sites[2].Site.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	later := r.invoice(2, "B")
	if c := r.sync(2); c.Applied != 4 || c.Quarantined != 0 {
		t.Errorf("its first exchange: %+v; want two invoices and two marks applied", c)
	}
	r.peace()
	for _, id := range []atoll.ID{unsent, later} {
		if _, there := r.record(1, "invoice", id); !there {
			t.Errorf("invoice %s is not at the centre", id)
		}
	}
	timelines := map[atoll.Timeline]bool{}
	r.look(1, func(v storage.Reader) error {
		page, err := v.Entries(2, 0, 100, 1<<20)
		for _, e := range page {
			timelines[e.Timeline] = true
		}
		return err
	})
	if len(timelines) != 3 {
		t.Errorf("the centre's copy of the journal has %d timelines; want 3", len(timelines))
	}

	kept := r.backup(2)
	r.putBack(2, old)
	r.invoice(2, "B")
	if _, err := r.Sync(t.Context(), 2); !errors.Is(err, atoll.Cloned) {
		t.Errorf("the database before was answered with %v", err)
	}
	r.putBack(2, kept)
	r.invoice(2, "B")
	r.peace()
}

// A site is restored from a backup that is older than what the centre has seen of
// it: it is refused, however often it was restored.
//
// R-H-27.
func TestRenewedSiteIsRefusedWhenItIsOld(t *testing.T) {
	r := newRig(t)
	r.peace()
	old := r.backup(2)
	r.invoice(2, "B")
	r.peace()
	r.putBack(2, old)
	if err := r.Sites[2].Site.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.invoice(2, "B")
	for range 2 {
		if _, err := r.Sync(t.Context(), 2); !errors.Is(err, atoll.Restored) {
			t.Errorf("the restored site was answered with %v", err)
		}
	}
}

// Site and centre are restored, one after the other: the site sends again what the
// centre lost, across the place where its timeline changed.
//
// R-A-09, R-H-28.
func TestRenewedSiteAndRestoredCentre(t *testing.T) {
	r := newRig(t)
	r.peace()
	before := r.backup(1)
	r.invoice(2, "B")
	r.putBack(2, r.backup(2))
	if err := r.Sites[2].Site.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.invoice(2, "B")
	r.peace()
	want := r.rows(2)
	r.putBack(1, before)
	if err := r.Centre.Centre.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.peace()
	r.peace()
	for k, v := range want {
		if got := r.rows(1)[k]; got != v {
			t.Errorf("site 2 had %s as %s; the centre has %s", k, v, got)
		}
	}
}

// A backup of the centre is put back, and people work in it before it is served:
// the positions they use were given before, to what sites have. Nothing of theirs
// is stepped over, and what was lost is found.
//
// R-A-09, R-A-14.
func TestRestoredCentreIsWorkedInBeforeItIsServed(t *testing.T) {
	r := newRig(t)
	r.peace()
	old := r.backup(1)
	for i := range 5 {
		r.item(fmt.Sprint("lost ", i))
	}
	r.peace()
	r.stop(1)
	r.wipe(1)
	copyFile(t, old, r.path(1))
	r.command(func(c *central.Centre, s *station.Station) error {
		for i := range 3 {
			if err := c.Await(t.Context()); err != nil { // each command says it anew
				return err
			}
			_, p := simulate.Item(fmt.Sprint("new ", i))
			if _, err := s.Edit(t.Context(), journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{p}}); err != nil {
				return err
			}
		}
		return nil
	})
	r.start(1)
	r.peace()
	for i := range 3 {
		id, _ := simulate.Item(fmt.Sprint("new ", i))
		if _, there := r.record(2, "item", id); !there {
			t.Errorf("site 2 never got new item %d", i)
		}
	}
	rows, _, err := r.Centre.Centre.FoundRecords(t.Context())
	if err != nil || len(rows) != 5 {
		t.Errorf("%d records were found, %v; want the 5 that were lost", len(rows), err)
	}
}

// A run that waits is the one that serves; commands between two runs begin one, not
// one each.
func TestAwaitBeginsOneRun(t *testing.T) {
	r := newRig(t)
	r.stop(1)
	r.command(func(c *central.Centre, _ *station.Station) error {
		runs := func() int { return len(r.runs(c)) }
		had := runs()
		for range 3 {
			if err := c.Await(t.Context()); err != nil {
				return err
			}
		}
		if n := runs(); n != had+1 {
			t.Errorf("three commands began %d runs; want one", n-had)
		}
		if _, err := c.Start(t.Context()); err != nil {
			return err
		}
		if n := runs(); n != had+1 {
			t.Errorf("serving began another run: %d", n-had)
		}
		if _, err := c.Start(t.Context()); err != nil {
			return err
		}
		if n := runs(); n != had+2 {
			t.Errorf("serving again began no run of its own: %d", n-had)
		}
		return nil
	})
	r.start(1)
	r.peace()
}

// runs are the runs on the centre's shelf.
func (r *rig) runs(c *central.Centre) (out []any) {
	r.t.Helper()
	var l struct{ Runs []any }
	err := c.Store.View(r.t.Context(), func(v storage.Reader) error { return shelfJSON(v, "centre", "life", &l) })
	if err != nil {
		r.t.Fatal(err)
	}
	return l.Runs
}

// command runs a command in the centre's database, which nobody serves.
func (r *rig) command(fn func(c *central.Centre, s *station.Station) error) {
	r.t.Helper()
	store, err := sqlite.Open(context.WithoutCancel(r.t.Context()), r.path(1), sqlite.Options{NoSync: true})
	if err != nil {
		r.t.Fatal(err)
	}
	s := station.New(station.Identity{Role: station.Central, Site: atoll.CentreID}, station.Options{Store: store, Catalogue: r.Catalogue, Now: r.Clock.Now})
	c := central.New(central.Options{Store: store, Door: s.Door, System: atoll.DeriveID("test system"), Now: r.Clock.Now, App: "test"})
	if err := errors.Join(fn(c, s), store.Close()); err != nil {
		r.t.Fatal(err)
	}
}

func shelfJSON(v storage.Reader, bucket, key string, into any) error {
	b, err := v.Get(bucket, key)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}
