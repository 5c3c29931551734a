package host_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
)

// ids are the cycles of the lines with the message, each once, in order.
func ids(lines []map[string]any, message string) (out []string) {
	for _, l := range lines {
		if id, _ := l["cycle"].(string); l["msg"] == message && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// TestR_K_29_OneCycleHasOneIDAtBothEnds: the log of the site, that of the centre and
// both sync logs name a cycle alike, however many exchanges it has, and no two cycles.
// What was refused bears it too; and a cycle that takes up an exchange whose answer
// was lost bears the id of the one that began it. (R-K-02.)
func TestR_K_29_OneCycleHasOneIDAtBothEnds(t *testing.T) {
	p := newPair(t)
	p.here.lines(t)
	p.there.lines(t)
	_, item := simulate.Item("amoxicillin")
	p.edit(p.centre, item)
	seen := map[string]bool{}
	for name, work := range map[string]func(){
		"nothing to do": func() {},
		"work both ways": func() {
			p.edit(p.site, location(p, "shelf 1"))
			_, more := simulate.Item("paracetamol")
			p.edit(p.centre, more)
		},
		"more than one exchange": func() {
			if err := p.site.Site.Configure(t.Context(), "tester", func(s *site.Settings) { s.Batch = 10 }); err != nil {
				t.Fatal(err)
			}
			for range 25 {
				p.edit(p.site, location(p, "shelf"))
			}
		},
	} {
		work()
		row, err := p.site.Site.Cycle(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		here, there := p.here.lines(t), p.there.lines(t)
		if got := ids(here, "sync cycle"); len(got) != 1 || got[0] != row.ID || len(row.ID) != 8 || seen[row.ID] {
			t.Errorf("%s: the site logs the cycle as %v, its row says %q", name, got, row.ID)
		}
		seen[row.ID] = true
		if got := ids(there, "sync request"); !slices.Equal(got, []string{row.ID}) {
			t.Errorf("%s: the centre logs %v, the site %s", name, got, row.ID)
		}
		if name == "more than one exchange" && row.Rounds < 2 {
			t.Errorf("it had %d", row.Rounds)
		}
		rows, err := p.centre.Centre.SyncLog(t.Context(), p.site.Station.Identity.Site, row.Rounds)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.ID != row.ID {
				t.Errorf("%s: the centre's sync log says %q, the site's %q", name, r.ID, row.ID)
			}
		}
	}

	answered := p.served
	p.served = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		answered.ServeHTTP(&lost{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	})
	p.edit(p.site, location(p, "shelf 2"))
	cut, err := p.site.Site.Cycle(t.Context())
	if err == nil || cut.ID == "" {
		t.Fatalf("%+v, %v", cut, err)
	}
	p.served = answered
	again, err := p.site.Site.Cycle(t.Context())
	if err != nil || again.ID != cut.ID || seen[cut.ID] {
		t.Errorf("the answer to %s was lost, and it went on as %s: %v", cut.ID, again.ID, err)
	}
	if got := ids(p.there.lines(t), "sync request"); !slices.Equal(got, []string{cut.ID}) {
		t.Errorf("the centre logs %v, the site %s", got, cut.ID)
	}
}

// lost is an answer that reaches nobody.
type lost struct{ header http.Header }

func (l *lost) Header() http.Header         { return l.header }
func (l *lost) Write(b []byte) (int, error) { return len(b), nil }
func (*lost) WriteHeader(int)               {}

// location makes a shelf of the pair's store.
func location(p *pair, name string) journal.Proposal {
	return journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "location", ID: atoll.NewID(p.clock.Now())},
		Fields: atoll.Fields{}.Set("code", name).Set("name", name).Set("store_id", p.store),
	}
}
