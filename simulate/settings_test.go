package simulate

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/site"
)

// counting notes the largest batches that a site asks for and sends.
type counting struct {
	exchange.Centre
	records, entries int
}

func (c *counting) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	c.records = max(c.records, h.Records)
	n := 0
	return c.Centre.Exchange(ctx, h, func(yield func(exchange.Entry, error) bool) {
		for e, err := range entries {
			n++
			c.entries = max(c.entries, n)
			if !yield(e, err) {
				return
			}
		}
	})
}

// TestR_H_45: interval and batch size are set at the site, and hold at once; what
// is not possible is refused, and what was set stays.
func TestR_H_45_IntervalAndBatch(t *testing.T) {
	w := f1(t)
	n := w.Sites[2]
	tap := &counting{Centre: n.Site.Centre}
	n.Site.Centre = tap
	set := func(fn func(*site.Settings)) error { return n.Site.Configure(w.ctx, "amina", fn) }
	if err := set(func(s *site.Settings) { s.Interval, s.Batch = 3*time.Minute, 12 }); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", atoll.NewID(w.Clock.Now())).Set("name", "x"))
	}
	w.sync(2)
	if tap.records != 12 || tap.entries != 12 {
		t.Errorf("it asked for %d records and sent %d entries at once; want 12", tap.records, tap.entries)
	}
	for _, bad := range []func(*site.Settings){
		func(s *site.Settings) { s.Batch = 3 }, func(s *site.Settings) { s.Batch = 501 }, func(s *site.Settings) { s.Interval = 0 },
	} {
		w.refused(set(bad), atoll.Invalid)
	}
	got, err := n.Site.Settings(w.ctx)
	if err != nil || got.Batch != 12 || got.Interval != 3*time.Minute || got.By != "amina" {
		t.Errorf("the settings are %+v, %v", got, err)
	}
	w.peace()
}

// TestR_H_40: a site is deleted when it has no stores; its credentials end, and its
// history stays.
func TestR_H_40_DeleteASite(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "5")
	w.peace()
	c := w.Centre.Centre
	w.refused(c.DeleteSite(w.ctx, "tester", 3), atoll.Rule, "Store C is active", "Store D is active", "move")
	w.refused(c.DeleteSite(w.ctx, "tester", 1), atoll.Rule, "central server itself")
	w.refused(c.DeleteSite(w.ctx, "tester", 9), atoll.NotFound)
	first := w.move("C", 1)
	w.refused(c.DeleteSite(w.ctx, "tester", 3), atoll.Rule)
	w.sync(3)
	second := w.move("D", 2)
	w.sync(3)
	w.refused(c.DeleteSite(w.ctx, "tester", 3), atoll.Rule, "is being moved")
	w.sync(2, 2)
	w.wants(first, "done")
	w.wants(second, "done")
	history := w.seq(3)
	if err := c.DeleteSite(w.ctx, "tester", 3); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Sync(w.ctx, 3); atoll.CodeOf(err) != atoll.SiteUnknown {
		t.Errorf("the deleted site came in: %v", err)
	}
	if s, ok := w.topology(1).Site(3); !ok || !s.Disabled {
		t.Errorf("site 3 is %+v", s)
	}
	if got := len(w.journalCopy(3, 0)); uint64(got) != history {
		t.Errorf("of its journal %d entries are left of %d", got, history)
	}
	if rec := w.want(1, "stock_line", stock); rec.Origin.Site != 3 {
		t.Errorf("the record's origin is %s", rec.Origin)
	}
	// The number is never used again (R-H-02).
	n, err := w.AddSite(w.ctx, "Next", "server")
	if err != nil || n.Door.Site == 3 {
		t.Errorf("the next site has number %d, %v", n.Door.Site, err)
	}
}
