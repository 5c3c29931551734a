package acceptance_test

import (
	"context"
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
)

// peace lets every site synchronise over a good line until nothing moves any more.
func (h *hostile) peace() (rounds int) {
	h.t.Helper()
	for _, p := range h.places[1:] {
		h.end(p)
	}
	if h.places[0].url() == "" {
		h.serve(h.places[0])
	}
	for rounds = 1; ; rounds++ {
		moved := 0
		for _, p := range h.places[1:] {
			var c site.Cycle
			must(h.t, &c, "--data", h.data(p.name), "sync")
			moved += c.Sent + c.Received + c.Retracted
		}
		if moved == 0 {
			break
		}
		if rounds > 20 {
			h.t.Fatal("the sites do not come to rest")
		}
	}
	h.end(h.places[0])
	return rounds
}

// end ends a place's server as an operator does.
func (h *hostile) end(p *place) {
	p.mu.Lock()
	s := p.srv
	p.srv = nil
	p.mu.Unlock()
	if s == nil {
		return
	}
	if err := s.stop(); err != nil {
		h.t.Errorf("the server of %s did not end well: %v\n%s", p.name, err, s.errs)
	}
}

// laws opens the databases and holds them to the laws.
func (h *hostile) laws() {
	h.t.Helper()
	for _, words := range h.account.odd {
		h.t.Errorf("an answer that no fault explains: %s", words)
	}
	f, hosts := h.fleet()
	breaches, looked := f.Laws(h.t.Context())
	for _, b := range breaches {
		h.t.Error(b)
	}
	h.t.Logf("laws looked at: %v", looked)
	_ = hosts["centre"].Store.View(h.t.Context(), func(rd storage.Reader) error {
		refused, err := rd.Refusals(0, true, 0, 0)
		for _, r := range refused {
			now, _ := rd.Record(r.Subject)
			h.t.Logf("refused: entry %d of site %d: %s: %s after %d attempts, behind %d; here is version %d of %s: %s", r.Seq, r.Site, r.Code, r.Subject,
				r.Attempts, r.Behind, now.Version, now.Origin, r.Message)
		}
		return err
	})
	for _, p := range h.places {
		must(h.t, nil, "--data", h.data(p.name), "check")
		h.kept(p, hosts)
		counted(h.t, p.name, hosts[p.name])
	}
}

// fleet opens all installations in this process. No program has them open.
func (h *hostile) fleet() (*simulate.Fleet, map[string]*host.Host) {
	h.t.Helper()
	hosts := map[string]*host.Host{}
	var nodes []*simulate.Node
	for _, p := range h.places {
		o, err := host.Open(context.WithoutCancel(h.t.Context()), host.Config{Data: h.data(p.name), Device: "test machine"})
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() { o.Close() })
		hosts[p.name] = o
		nodes = append(nodes, &simulate.Node{Station: o.Station, Name: p.name, Site: o.Site, Centre: o.Centre})
	}
	return fleetOf(nodes...), hosts
}

// kept: what people were told was done is there, where they did it and at the centre.
func (h *hostile) kept(p *place, hosts map[string]*host.Host) {
	h.t.Helper()
	h.account.mu.Lock()
	defer h.account.mu.Unlock()
	for _, at := range []string{p.name, "centre"} {
		missing := 0
		for _, key := range h.account.made[p.name] {
			if _, err := hosts[at].Station.Record(h.t.Context(), key); err != nil {
				missing++
				if missing < 5 {
					h.t.Errorf("%s, made at %s and acknowledged, is not at %s: %v", key, p.name, at, err)
				}
			}
		}
		for id, where := range h.account.closed {
			if where != p.name {
				continue
			}
			rec, err := hosts[at].Station.Record(h.t.Context(), atoll.Key{Type: "invoice", ID: id})
			if err != nil || rec.Fields.Text("status") != "finalised" {
				h.t.Errorf("invoice %s, finalised at %s, is %q at %s (%v)", id, p.name, rec.Fields.Text("status"), at, err)
			}
		}
	}
}

// counted: offered is applied, duplicate and quarantined, for every cycle; and the
// status of an installation at peace says that nothing waits.
func counted(t *testing.T, name string, o *host.Host) {
	t.Helper()
	if o.Centre != nil {
		rows, err := o.Centre.SyncLog(t.Context(), 0, 100_000)
		for _, r := range rows {
			if r.Offered != r.Applied+r.Duplicate+r.Quarantined {
				t.Errorf("%s: of %d entries of site %d offered, %d were applied, %d duplicate, %d quarantined", name, r.Offered, r.Site, r.Applied, r.Duplicate, r.Quarantined)
			}
		}
		sites, serr := o.Centre.Sites(t.Context())
		for _, s := range sites {
			if s.State.Waiting != 0 || s.Quarantined != 0 {
				t.Errorf("the centre says that site %d has %d changes waiting and %d in quarantine", s.ID, s.State.Waiting, s.Quarantined)
			}
		}
		if err := errors.Join(err, serr); err != nil {
			t.Error(err)
		}
		return
	}
	rows, err := o.Site.SyncLog(t.Context(), 100_000)
	for _, r := range rows {
		if r.Offered != r.Applied+r.Duplicate+r.Quarantined {
			t.Errorf("%s: of %d entries offered, %d were applied, %d duplicate, %d quarantined", name, r.Offered, r.Applied, r.Duplicate, r.Quarantined)
		}
	}
	st, serr := o.Site.Status(t.Context())
	// The disk is the machine's that runs the test: a full one is no finding.
	calm := st.Light == site.Green || st.Light == site.Amber && st.DiskUsed >= 0.8
	if err := errors.Join(err, serr); err != nil || st.Waiting != 0 || st.Refused != 0 || !calm {
		t.Errorf("%s says at peace: %s, %s (%v)", name, st.Light, st.Words, err)
	}
}
