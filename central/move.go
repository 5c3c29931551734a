package central

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// lately is how long ago a site may have exchanged with the centre for a store to
// leave it or to go to it.
const lately = 24 * time.Hour

// moveKind is the record type of moves.
const moveKind = atoll.Type("store_move")

// StartMove begins to move a store to another site, and returns the id of the
// move. What speaks against it is one error of code atoll.Rule that lists all of
// it. With try nothing is changed; the preview tells which instances change when
// the store does.
func (c *Centre) StartMove(ctx context.Context, actor string, o handover.Order, try bool) (atoll.ID, Preview, error) {
	id := atoll.NewID(c.Now())
	change := func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		obstacles, err := c.obstacles(r, t, o)
		if err != nil {
			return nil, err
		}
		if len(obstacles) > 0 {
			s, _ := t.Store(o.Store)
			return nil, atoll.Errorf(atoll.Rule, "%s cannot be moved: %s", s.Name, together(obstacles)).Listing(obstacles).
				Do("put it right and try again; a site that is gone for good is left with a forced move").Because("move.obstacles", "store", s.Name)
		}
		if o.To != t.Centre() {
			to, err := State(r, o.To)
			if err != nil {
				return nil, err
			}
			o.Limited = to.HistoryMonths > 0 && to.FirstContact.IsZero() // it will initialise
		}
		if o.Forced {
			if o.LostSince, err = c.lostSince(r, t, o.Store); err != nil {
				return nil, err
			}
		}
		return handover.Start(c.desk(r, t), id, actor, o)
	}
	if try {
		p, err := c.Try(ctx, actor, change)
		if err != nil {
			return "", p, err
		}
		err = c.Store.View(ctx, func(r storage.Reader) error {
			t, err := c.Door.Topology(r)
			if err != nil {
				return err
			}
			p.Changes = topology.Diff(t, t.Supposing(o.Store, o.To))
			p.Records, err = counts(r, p.Changes)
			return err
		})
		return "", p, err
	}
	if err := c.fetchSpared(ctx, o.Store); err != nil {
		return "", Preview{}, err
	}
	p, err := c.Configure(ctx, actor, change)
	return id, p, err
}

func (c *Centre) desk(r storage.Reader, t *topology.Topology) handover.Desk {
	return handover.Desk{R: r, T: t, Catalogue: c.Door.Judge.Catalogue, Now: c.Now()}
}

// AbortMove calls a move off, as long as the store has not changed its site
// (R-H-35).
func (c *Centre) AbortMove(ctx context.Context, actor string, id atoll.ID) error {
	_, err := c.Configure(ctx, actor, func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		return handover.Abort(c.desk(r, t), id, actor)
	})
	return err
}

// RepeatMove has the sites say again what they hold, after what kept the move from
// going on was put right.
func (c *Centre) RepeatMove(ctx context.Context, actor string, id atoll.ID) error {
	_, err := c.Configure(ctx, actor, func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		return handover.Again(c.desk(r, t), id)
	})
	return err
}

// ForceMove goes on with a move whose site has fallen silent for good, from the
// copy at the centre (R-H-37). SignedBy is who answers for what is lost.
func (c *Centre) ForceMove(ctx context.Context, actor string, id atoll.ID, signedBy string) error {
	if signedBy == "" {
		return unsigned()
	}
	_, err := c.Configure(ctx, actor, func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		rec, err := r.Record(atoll.Key{Type: moveKind, ID: id})
		if err != nil {
			return nil, atoll.Errorf(atoll.NotFound, "there is no move %s", id).Do("list them with: atoll move list")
		}
		f := rec.MustFields()
		if atoll.SiteID(f.Int("from_site")) == t.Centre() {
			return nil, atoll.Errorf(atoll.Rule, "the store is at the central server, which is here").Because("force.centre")
		}
		lost, err := c.lostSince(r, t, f.ID("store_id"))
		if err != nil {
			return nil, err
		}
		return handover.Force(c.desk(r, t), id, signedBy, lost)
	})
	return err
}

// lossWords tells what a forced move loses, before anybody signs for it.
func lossWords(s topology.Store, lost time.Time) string {
	if lost.IsZero() {
		return fmt.Sprintf("site %d has never exchanged all its data: what it has of %s is not at the centre", s.Site, s.Name)
	}
	return fmt.Sprintf("site %d last exchanged all its data at %s: what was done in %s there since is not at the centre", s.Site, lost.UTC().Format(time.RFC3339), s.Name)
}

func unsigned() *atoll.Error {
	return atoll.Errorf(atoll.Invalid, "a forced move is signed by the person who answers for what is lost").On("signed_by")
}

// lostSince is the moment from which work done on the store's site may not be in
// the centre's copy: its last whole exchange; zero if there was none.
func (c *Centre) lostSince(r storage.Reader, t *topology.Topology, store atoll.ID) (time.Time, error) {
	s, _ := t.Store(store)
	if s.Site == t.Centre() {
		return time.Time{}, nil // nothing is lost of what is here
	}
	state, err := State(r, s.Site)
	return state.LastComplete, err
}

// together says what errors say, in one line.
func together(all []*atoll.Error) string {
	words := make([]string, len(all))
	for i, e := range all {
		words[i] = e.Error()
	}
	return strings.Join(words, "; ")
}

// obstacles are what speaks against the move (R-H-30 1). An error is
// returned for what makes no sense at all.
func (c *Centre) obstacles(r storage.Reader, t *topology.Topology, o handover.Order) ([]*atoll.Error, error) {
	s, ok := t.Store(o.Store)
	to, there := t.Site(o.To)
	switch {
	case !ok:
		return nil, atoll.Errorf(atoll.NotFound, "there is no store %s", o.Store)
	case !there && o.To != t.Centre():
		return nil, atoll.Errorf(atoll.NotFound, "there is no site %d", o.To).Do("list the sites with: atoll site list")
	case s.Site == o.To:
		return nil, atoll.Errorf(atoll.Rule, "%s is active on site %d already", s.Name, o.To).Because("move.already", "store", s.Name, "site", o.To)
	case o.Forced && o.SignedBy == "":
		lost, err := c.lostSince(r, t, o.Store)
		if err != nil {
			return nil, err
		}
		return nil, unsigned().Do("%s", lossWords(s, lost))
	case o.Forced && s.Site == t.Centre():
		return nil, atoll.Errorf(atoll.Rule, "%s is active at the central server, which is here: nothing needs to be forced", s.Name).Because("force.centre")
	}
	if m, moving := t.Moving(o.Store); moving {
		return nil, atoll.Errorf(atoll.Rule, "%s is being moved to site %d already", s.Name, m.To).Do("see: atoll move show %s", m.ID).Because("move.under_way", "site", m.To)
	}
	var out []*atoll.Error
	if s.ManagedOnly {
		out = append(out, atoll.Errorf(atoll.Rule, "its data is kept at its site only, so the centre has nothing to move").
			Do("turn \"managed only\" off, and let its history arrive").Because("move.managed", "store", s.Name))
	}
	if s.Excluded {
		out = append(out, atoll.Errorf(atoll.Rule, "its transactions stay at its site").
			Do("include them, and let its history arrive").Because("move.excluded", "store", s.Name))
	}
	if to.Disabled {
		out = append(out, atoll.Errorf(atoll.Rule, "site %d is closed", o.To).Because("site.closed", "site", o.To))
	}
	if to.Kind == topology.Mobile {
		if active := t.Active(o.To); len(active) > 0 {
			other, _ := t.Store(active[0])
			out = append(out, atoll.Errorf(atoll.Rule, "site %d is mobile and has %s already; a mobile site has one store", o.To, other.Name). // R-H-34
																				Because("mobile.has", "site", o.To, "store", other.Name))
		}
		var suggested *atoll.Error
		if err := noSuggested(r, s); errors.As(err, &suggested) {
			out = append(out, suggested)
		} else if err != nil {
			return nil, err
		}
	}
	if !o.Forced && s.Site != t.Centre() {
		some, err := c.notReady(r, s.Site, false)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	if o.To != t.Centre() {
		some, err := c.notReady(r, o.To, true)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// notReady says what keeps the site from taking part in a move. A new site, which
// has never been here, may be where a store goes to: it receives it when it
// initialises (R-H-30 7).
func (c *Centre) notReady(r storage.Reader, site atoll.SiteID, goal bool) ([]*atoll.Error, error) {
	st, err := State(r, site)
	if err != nil {
		return nil, err
	}
	if goal && st.FirstContact.IsZero() {
		return nil, nil
	}
	var out []*atoll.Error
	switch last := st.LastContact.UTC(); {
	case last.IsZero():
		out = append(out, atoll.Errorf(atoll.Rule, "site %d has never exchanged its data", site).Because("ready.never", "site", site))
	case c.Now().Sub(last) > lately:
		out = append(out, atoll.Errorf(atoll.Rule, "site %d last exchanged its data on %s; at most a day ago is needed", site, last.Format(time.RFC3339)).
			Because("ready.late", "site", site, "time", last.Format(time.RFC3339)))
	}
	if st.Paused != "" {
		out = append(out, atoll.Errorf(atoll.Rule, "site %d is paused: %s", site, st.Paused).Because("ready.paused", "site", site, "note", st.Paused))
	}
	known, err := r.Head(site)
	if err != nil {
		return nil, err
	}
	if st.Head > known.Seq {
		n := int(st.Head - known.Seq) //nolint:gosec // so many changes
		out = append(out, atoll.Errorf(atoll.Rule, "site %d has %d changes to send", site, n).Because("ready.unsent", "site", site, "n", n))
	}
	if st.Errors > 0 {
		out = append(out, atoll.Errorf(atoll.Rule, "site %d could not take %d records", site, st.Errors).Because("ready.errors", "site", site, "n", st.Errors))
	}
	if goal && st.Catalogue < c.Door.Judge.Catalogue.Version() {
		out = append(out, atoll.Errorf(atoll.Rule, "site %d has an older program, which does not know all record types", site).Because("ready.program", "site", site))
	}
	open, err := r.CountRefusals()
	if n := open[site]; n > 0 && !goal {
		out = append(out, atoll.Errorf(atoll.Rule, "site %d has %d refused changes that wait for a decision", site, n).Because("ready.refused", "site", site, "n", n))
	}
	return out, err
}

// MoveView is a move as people see it.
type MoveView struct {
	ID        atoll.ID      `json:"id"`
	Store     atoll.ID      `json:"store"`
	StoreName string        `json:"store_name"`
	From      atoll.SiteID  `json:"from"`
	To        atoll.SiteID  `json:"to"`
	Step      topology.Step `json:"step"`
	// Steps tells each step of the procedure and when it was taken.
	Steps []MoveStep `json:"steps"`
	// Words says what the move waits for, or how it ended; Problem what keeps it.
	Words     string `json:"words"`
	Problem   string `json:"problem,omitempty"`
	Forced    bool   `json:"forced,omitempty"`
	SignedBy  string `json:"signed_by,omitempty"`
	LostSince string `json:"lost_since,omitempty"`
	AskedAt   string `json:"asked_at,omitempty"`
	AskedBy   string `json:"asked_by,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Records   int    `json:"records,omitempty"` // of the store, when it moved
}

// MoveStep is one step of a move.
type MoveStep struct {
	Name string `json:"name"`
	At   string `json:"at,omitempty"` // when it was taken; empty: not yet
	Skip bool   `json:"skip,omitempty"`
}

// Moves returns all moves, those under way first, then the newest.
func (c *Centre) Moves(ctx context.Context) ([]MoveView, error) {
	var open, over []MoveView
	err := c.Store.View(ctx, func(r storage.Reader) error {
		open, over = nil, nil
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		recs, err := r.Records(storage.Query{Type: moveKind})
		if err != nil {
			return err
		}
		problems, err := problemsOf(r, "move/")
		if err != nil {
			return err
		}
		for i := len(recs) - 1; i >= 0; i-- {
			v, err := c.moveView(r, t, recs[i], problems)
			if err != nil {
				return err
			}
			if v.Step.Open() {
				open = append(open, v)
			} else {
				over = append(over, v)
			}
		}
		return nil
	})
	return append(open, over...), err
}

// Move returns one move.
func (c *Centre) Move(ctx context.Context, id atoll.ID) (MoveView, error) {
	all, err := c.Moves(ctx)
	if err != nil {
		return MoveView{}, err
	}
	for _, v := range all {
		if v.ID == id {
			return v, nil
		}
	}
	return MoveView{}, atoll.Errorf(atoll.NotFound, "there is no move %s", id).Do("list them with: atoll move list")
}

// problemsOf returns what keeps reports from being acted on by kinds whose names
// begin so, by the report.
func problemsOf(r storage.Reader, kinds string) (map[string]string, error) {
	found, err := process.ExceptionsIn(r)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range found {
		if strings.HasPrefix(e.Kind, kinds) {
			out[e.Record] = e.Message
		}
	}
	return out, nil
}

func (c *Centre) moveView(r storage.Reader, t *topology.Topology, rec atoll.Record, problems map[string]string) (MoveView, error) {
	f := rec.MustFields()
	m := topology.MoveFrom(rec.ID, f)
	s, _ := t.Store(m.Store)
	v := MoveView{
		ID: m.ID, Store: m.Store, StoreName: s.Name, From: m.From, To: m.To, Step: m.Step, Forced: m.Forced, SignedBy: f.Text("signed_by"),
		LostSince: f.Text("lost_since"), AskedAt: f.Text("asked_at"), AskedBy: f.Text("asked_by"), Reason: f.Text("reason"),
	}
	reports, err := r.Records(storage.Query{Type: "job_report", Where: map[string]string{"about": rec.String()}})
	if err != nil {
		return v, err
	}
	said := map[string]string{}
	for _, rep := range reports {
		g := rep.MustFields()
		if int(g.Int("attempt")) == m.Attempt {
			said[g.Text("step")] = g.Text("made_at")
			if p := problems[rep.String()]; p != "" {
				v.Problem = p
			}
		}
	}
	if holds, err := handover.Holding(f); err == nil {
		v.Records = holds.Count()
	}
	central := m.To == t.Centre()
	switched := f.Text("switched_at")
	v.Steps = []MoveStep{
		{Name: "check", At: f.Text("asked_at")},
		{Name: "freeze", At: said["frozen"], Skip: m.Forced},
		{Name: "drain", At: switched, Skip: m.Forced},
		{Name: "switch", At: switched},
		{Name: "backfill", At: said["received"], Skip: central},
		{Name: "verify", At: f.Text("ended_at"), Skip: central},
		{Name: "open", At: f.Text("ended_at")},
	}
	if m.Step == topology.Aborted {
		v.Steps = v.Steps[:1]
	}
	v.Words = moveWords(m, s, said, f.Text("ended_by"))
	return v, nil
}

func moveWords(m topology.Move, s topology.Store, said map[string]string, endedBy string) string {
	switch m.Step {
	case topology.Freeze:
		if said["frozen"] == "" {
			return fmt.Sprintf("waits for site %d to exchange: it then stops work in %s and sends all it has", m.From, s.Name)
		}
		return fmt.Sprintf("site %d has stopped work in %s; what it sent is compared", m.From, s.Name)
	case topology.Backfill:
		return fmt.Sprintf("%s belongs to site %d now, and opens there when all its data has arrived and was compared", s.Name, m.To)
	case topology.Moved:
		return fmt.Sprintf("done: %s is worked in on site %d", s.Name, m.To)
	case topology.Aborted:
		return "called off by " + endedBy
	}
	return ""
}
