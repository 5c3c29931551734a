package central

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Prepare makes what a centre needs on its shelf, once.
func (c *Centre) Prepare(ctx context.Context) error {
	return c.Store.Update(ctx, func(tx storage.Tx) error {
		if _, err := tx.Get(shelfCentre, "token secret"); !errors.Is(err, atoll.NotFound) {
			return err
		}
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		return tx.Set(shelfCentre, "token secret", secret)
	})
}

// AddSite makes a site (R-H-02): its number is the next one never used, its name
// must be new. It returns the site and the one-time code to enrol it with.
func (c *Centre) AddSite(ctx context.Context, actor, name string, kind topology.Kind) (topology.Site, string, error) {
	var site topology.Site
	var code string
	err := c.commits.do(ctx, func(tx storage.Tx) error {
		if name == "" {
			return atoll.Errorf(atoll.Invalid, "a site needs a name").On("name")
		}
		t, err := c.Door.Topology(tx)
		if err != nil {
			return err
		}
		next := atoll.SiteID(2)
		states, err := tx.Scan(shelfSites, "", 1, true)
		if err != nil {
			return err
		}
		if len(states) > 0 {
			last, err := atoll.ParseSiteID(trimZeros(states[0].Key))
			if err != nil {
				return err
			}
			next = max(next, last+1)
		}
		if err := t.CheckKind(0, kind); err != nil {
			return err
		}
		for _, s := range t.Sites() {
			if s.Name == name {
				return atoll.Errorf(atoll.Exists, "site %d is named %q already", s.ID, name).On("name")
			}
			next = max(next, s.ID+1)
		}
		id := atoll.NewID(c.Now())
		_, err = c.Door.Write(tx, journal.Edit{Actor: actor, Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{{
			Verb: atoll.Insert, Key: atoll.Key{Type: "site", ID: id},
			Fields: atoll.Fields{}.Set("number", next).Set("name", name).Set("type", string(kind)).
				Set("created_at", c.Now().UTC().Format(time.RFC3339)),
		}}})
		if err != nil {
			return err
		}
		var digest []byte
		code, digest = newCode()
		state := SiteState{Site: next, CodeHash: digest, CodeExpires: c.Now().Add(codeLife), Summary: Summary{Initialisation: InitNew}}
		site = topology.Site{ID: next, Record: id, Name: name, Kind: kind}
		return state.save(tx)
	})
	return site, code, err
}

func trimZeros(s string) string {
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s
}

// change alters what the centre remembers of a site.
func (c *Centre) change(ctx context.Context, site atoll.SiteID, fn func(*SiteState) error) error {
	return c.commits.do(ctx, func(tx storage.Tx) error {
		s, err := State(tx, site)
		if err != nil {
			return err
		}
		if err := fn(&s); err != nil {
			return err
		}
		return s.save(tx)
	})
}

// NewCode gives the site a fresh one-time code; an earlier one is void.
func (c *Centre) NewCode(ctx context.Context, actor string, site atoll.SiteID) (string, error) {
	code, digest := newCode()
	return code, c.order(ctx, actor, site, "new_code", nil, func(s *SiteState) error {
		s.CodeHash, s.CodeExpires = digest, c.Now().Add(codeLife)
		s.Failures, s.LockedUntil = 0, time.Time{}
		return nil
	})
}

// ResetDevice lets the site be enrolled on another device, which must then
// initialise (R-H-12). Tokens and key of the old one are void.
func (c *Centre) ResetDevice(ctx context.Context, actor string, site atoll.SiteID) error {
	return c.order(ctx, actor, site, "reset_device", nil, func(s *SiteState) error {
		s.Device, s.Key, s.Timeline, s.Initialisation = "", nil, "", InitNew
		s.TokenEpoch++
		return nil
	})
}

// Pause stops the site's synchronisation, with a reason it is told; an empty
// reason resumes it.
func (c *Centre) Pause(ctx context.Context, actor string, site atoll.SiteID, reason string) error {
	what, more := "pause", atoll.Fields{}.Set("reason", reason)
	if reason == "" {
		what, more = "resume", nil
	}
	return c.order(ctx, actor, site, what, more, func(s *SiteState) error { s.Paused = reason; return nil })
}

// Order asks the site for something at its next exchange: "resend" or
// "reinitialise" (R-H-28).
func (c *Centre) Order(ctx context.Context, actor string, site atoll.SiteID, order string) error {
	if order != orderResend && order != orderReinitialise {
		return atoll.Errorf(atoll.Invalid, "unknown order %q", order)
	}
	return c.order(ctx, actor, site, order, nil, func(s *SiteState) error {
		s.Told = 0
		if !slices.Contains(s.Orders, order) {
			s.Orders = append(s.Orders, order)
		}
		return nil
	})
}

// SiteStatus is one site as the centre sees it (R-I-20, R-I-21).
type SiteStatus struct {
	topology.Site
	State       SiteState      `json:"state"`
	Stores      []string       `json:"stores"`
	Journal     atoll.Head     `json:"journal"` // the end of its journal here
	Quarantined int            `json:"quarantined"`
	Behind      atoll.Position `json:"behind"` // positions of the feed it has not confirmed
}

// Sites returns the status of every site but the centre's own.
func (c *Centre) Sites(ctx context.Context) ([]SiteStatus, error) { return c.statuses(ctx, 0) }

// SiteStatus returns the status of one site, or atoll.SiteUnknown.
func (c *Centre) SiteStatus(ctx context.Context, site atoll.SiteID) (SiteStatus, error) {
	list, err := c.statuses(ctx, site)
	if err == nil && len(list) == 0 {
		err = atoll.Errorf(atoll.SiteUnknown, "there is no site %d", site).Do("list the sites with: atoll site list")
	}
	if err != nil {
		return SiteStatus{}, err
	}
	return list[0], nil
}

// statuses returns the status of one site, or of all if it is 0.
func (c *Centre) statuses(ctx context.Context, one atoll.SiteID) ([]SiteStatus, error) {
	if err := c.Flush(ctx); err != nil {
		return nil, err
	}
	var out []SiteStatus
	err := c.Store.View(ctx, func(r storage.Reader) error {
		out = nil
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		open, err := r.CountRefusals()
		if err != nil {
			return err
		}
		heads, err := r.Journals()
		if err != nil {
			return err
		}
		last, err := r.LastPosition()
		if err != nil {
			return err
		}
		states, err := statesOf(r, one)
		if err != nil {
			return err
		}
		sites := t.Sites()
		if one == 0 {
			out = make([]SiteStatus, 0, len(sites)) // they are large, and may be tens of thousands
		}
		for _, site := range sites {
			if site.ID == t.Centre() || one != 0 && site.ID != one {
				continue
			}
			out = append(out, SiteStatus{Site: site, Journal: heads[site.ID], Quarantined: open[site.ID]})
			s := &out[len(out)-1]
			if err := states.of(r, site.ID, &s.State); err != nil {
				return err
			}
			if s.State.Cursor < last {
				s.Behind = last - s.State.Cursor
			}
			for _, id := range t.Active(site.ID) {
				store, _ := t.Store(id)
				s.Stores = append(s.Stores, store.Name)
			}
		}
		return nil
	})
	return out, err
}

// states are those of all sites as they are kept, by number.
type states []storage.Item

// statesOf reads the states of all sites at once, or none for one alone.
func statesOf(r storage.Reader, one atoll.SiteID) (states, error) {
	if one != 0 {
		return nil, nil
	}
	return r.Scan(shelfSites, "", 0, false)
}

// of reads the state of a site; they are asked for in rising numbers.
func (l *states) of(r storage.Reader, site atoll.SiteID, into *SiteState) (err error) {
	key := siteKey(site)
	for len(*l) > 0 && (*l)[0].Key < key {
		*l = (*l)[1:]
	}
	if len(*l) > 0 && (*l)[0].Key == key {
		return storage.Decode(shelfSites, (*l)[0], into)
	}
	*into, err = State(r, site)
	return err
}

// SyncLog returns the newest rows of the centre's sync log, newest first; of one site
// if site is not 0.
func (c *Centre) SyncLog(ctx context.Context, site atoll.SiteID, limit int) ([]Cycle, error) {
	if err := c.Flush(ctx); err != nil {
		return nil, err
	}
	var out []Cycle
	err := c.Store.View(ctx, func(r storage.Reader) error {
		out = nil
		for after := ""; len(out) < limit; {
			items, err := r.Scan(shelfLog, after, 500, true)
			if err != nil || len(items) == 0 {
				return err
			}
			for _, it := range items {
				after = it.Key
				if len(out) == limit || site != 0 && !strings.HasSuffix(it.Key, siteKey(site)) {
					continue // told by the key alone: a site's rows are few among all
				}
				var row Cycle
				if err := storage.Decode(shelfLog, it, &row); err != nil {
					return err
				}
				out = append(out, row)
			}
		}
		return nil
	})
	return out, err
}
