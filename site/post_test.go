package site_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/topology"
)

// post is a site with store B, and a centre with store A, in a bubble of time: no
// test here waits for anything. Each exchange passes the post, which writes down
// when it began and can keep it waiting or lose it.
type post struct {
	*simulate.Fleet
	*simulate.Node
	t      testing.TB
	centre exchange.Centre

	mu      sync.Mutex
	began   []time.Time
	under   int // exchanges under way
	most    int // at once
	offline bool
	fail    atoll.Code    // what the centre answers, if anything
	after   time.Duration // how long it then asks to wait
	hold    chan struct{} // until it is closed no exchange goes on
	change  func(*exchange.Hello)
	cut     int // an answer ends after so many frames; 0 never
}

// newPost builds the two. They have synchronised once.
func newPost(t testing.TB) *post {
	t.Helper()
	ctx := t.Context()
	f, err := simulate.New(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"A", "B"} {
		if err := f.AddStore(ctx, store, false); err != nil {
			t.Fatal(err)
		}
	}
	n, err := f.AddSite(ctx, "Post", topology.Server, "B")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{Fleet: f, Node: n, t: t, centre: n.Site.Centre}
	n.Site.Centre = p
	n.Site.Now, f.Centre.Centre.Now = time.Now, time.Now
	n.Changed = n.Site.Nudge
	if _, err := n.Site.Cycle(ctx); err != nil {
		t.Fatal(err)
	}
	p.began = nil
	return p
}

// Exchange is what the site takes for the centre.
func (p *post) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		p.mu.Lock()
		p.began = append(p.began, time.Now())
		p.under++
		p.most = max(p.most, p.under)
		hold, fail, after, cut := p.hold, p.fail, p.after, p.cut
		if p.change != nil {
			p.change(&h)
		}
		if p.offline {
			fail = atoll.Unavailable
		}
		p.mu.Unlock()
		defer func() {
			p.mu.Lock()
			p.under--
			p.mu.Unlock()
		}()
		if hold != nil {
			select {
			case <-hold:
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
		if fail != "" {
			err := atoll.Errorf(fail, "no exchange today")
			if after > 0 {
				err = exchange.Later(after, err)
			}
			yield(nil, err)
			return
		}
		for f, err := range p.centre.Exchange(ctx, h, entries) {
			if !yield(f, err) {
				return
			}
			if cut--; cut == 0 {
				yield(nil, atoll.Errorf(atoll.Interrupted, "the line was cut"))
				return
			}
		}
	}
}

// set changes how the post works.
func (p *post) set(fn func()) {
	p.mu.Lock()
	fn()
	p.mu.Unlock()
}

// count returns how many exchanges began.
func (p *post) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.began)
}

// still runs a test in a bubble in which nothing happens by itself.
func still(t *testing.T, test func(t *testing.T, p *post)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		test(t, p)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// in runs a test in a bubble, with the site's driver running in it.
func in(t *testing.T, test func(t *testing.T, p *post)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Site.Run(ctx) }()
		test(t, p)
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the driver ended with %v", err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// pass lets time go by, until nothing more happens.
func pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// item makes an item at a node, and says how long the user waited.
func (p *post) item(at *simulate.Node, code string) (atoll.ID, time.Duration) {
	p.t.Helper()
	start := time.Now()
	id, do := simulate.Item(code)
	if at == p.Node { // items are the primary's; a location is the store's own
		do.Key.Type = "location"
		do.Fields = atoll.Fields{}.Set("store_id", p.Stores["B"]).Set("code", code).Set("name", code)
	}
	if err := at.Insert(p.t.Context(), do); err != nil {
		p.t.Fatal(err)
	}
	return id, time.Since(start)
}

func (p *post) status() site.Status {
	p.t.Helper()
	st, err := p.Site.Status(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return st
}

func (p *post) configure(fn func(*site.Settings)) {
	p.t.Helper()
	if err := p.Site.Configure(p.t.Context(), "tester", fn); err != nil {
		p.t.Fatal(err)
	}
}
