package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// edits reports whether somebody at the site may make an item now.
func (w *world) edits(at atoll.SiteID) error {
	w.t.Helper()
	n := w.At(at)
	_, p := Item("try " + n.Clock.Now().String())
	return n.Insert(w.ctx, p)
}

// TestR_H_50: a standard system becomes a mirrored one, and a standard one again, as
// jobs with checks: nobody edits central data on the way, both ends are compared,
// and both try who may edit afterwards.
func TestR_H_50_MirroredAndBack(t *testing.T) {
	w := f1(t)
	w.item("x")
	if err := w.AddStore(w.ctx, "P", false); err != nil {
		t.Fatal(err)
	}
	n, err := w.AddSite(w.ctx, "Primary", topology.Server, "P")
	if err != nil {
		t.Fatal(err)
	}
	at := n.Door.Site
	c := w.Centre.Centre
	_, err = c.StartPrimary(w.ctx, "tester", at, false)
	w.refused(err, atoll.Rule, "not initialised")
	w.peace()
	_, err = c.StartPrimary(w.ctx, "tester", 77, false)
	w.refused(err, atoll.NotFound)
	_, err = c.StartPrimary(w.ctx, "tester", 1, false)
	w.refused(err, atoll.Rule, "already")
	if _, err := c.StartPrimary(w.ctx, "tester", at, true); err != nil || len(w.list(1, "job")) > 0 {
		t.Errorf("the try: %v", err)
	}
	begin := func(to atoll.SiteID) atoll.ID {
		t.Helper()
		id, err := c.StartPrimary(w.ctx, "tester", to, false)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	// Called off, nothing has changed.
	id := begin(at)
	w.refused(w.edits(1), atoll.Rule, "nobody edits")
	if err := c.AbortJob(w.ctx, "tester", id); err != nil {
		t.Fatal(err)
	}
	if err := w.edits(1); err != nil {
		t.Errorf("called off, the centre may not edit: %v", err)
	}
	w.peace()
	// And now in earnest.
	id = begin(at)
	_, err = c.StartPrimary(w.ctx, "tester", at, false)
	w.refused(err, atoll.Rule, "already")
	w.stock("A", w.item2("x"), "1") // what is not central goes on
	w.sync(at, at)
	w.done(id)
	if top := w.topology(1); top.Primary() != at || !top.Mirrored() {
		t.Errorf("the primary is site %d", top.Primary())
	}
	if s, _ := w.topology(1).Site(at); s.Kind != topology.Mirror {
		t.Errorf("the primary is a %s site", s.Kind)
	}
	if err := w.edits(at); err != nil {
		t.Errorf("the primary may not edit: %v", err)
	}
	w.refused(w.edits(1), atoll.Ownership)
	w.refused(w.edits(2), atoll.Ownership)
	w.peace()
	_, err = c.StartPrimary(w.ctx, "tester", 2, false)
	w.refused(err, atoll.Rule, "give it back")
	// Back: what the primary did before it hears of it still arrives.
	id = begin(1)
	late := w.edits(at)
	if late != nil {
		t.Errorf("before it heard, the primary may not edit: %v", late)
	}
	w.hears(at)
	w.refused(w.edits(at), atoll.Rule, "nobody edits")
	w.refused(w.edits(1), atoll.Ownership)
	w.sync(at, at)
	w.done(id)
	w.refused(c.AbortJob(w.ctx, "tester", id), atoll.LifeCycle)
	if err := w.edits(1); err != nil {
		t.Errorf("the centre may not edit again: %v", err)
	}
	w.refused(w.edits(at), atoll.Ownership)
	w.peace()
}

// item2 returns the id of an item that was made before.
func (w *world) item2(code string) atoll.ID { id, _ := Item(code); return id }

// A site whose copy of central data is not whole does not become the primary: the
// job says which records, and goes on when it was put right.
//
// R-H-50.
func TestR_H_50_Compared(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.peace()
	w.spoil(2, atoll.Key{Type: "item", ID: item}, "")
	c := w.Centre.Centre
	id, err := c.StartPrimary(w.ctx, "tester", 2, false)
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 2)
	v, err := c.Job(w.ctx, id)
	if err != nil || v.Step != handover.Closing || v.Problem == "" || w.topology(1).Mirrored() {
		t.Errorf("the job: %+v, %v", v, err)
	}
	if err := c.AbortJob(w.ctx, "tester", id); err != nil {
		t.Fatal(err)
	}
	again := w.job(handover.Resync, 2, handover.Selection{Types: []atoll.Type{"item"}})
	w.sync(2, 2)
	w.done(again)
	if id, err = c.StartPrimary(w.ctx, "tester", 2, false); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 2)
	w.done(id)
	open := 0
	if err := w.Centre.Store.View(w.ctx, func(r storage.Reader) error {
		exceptions, err := w.Centre.Processors.Exceptions(w.ctx)
		open = len(exceptions)
		return err
	}); err != nil || open > 0 {
		t.Errorf("%d exceptions are left, %v", open, err)
	}
}
