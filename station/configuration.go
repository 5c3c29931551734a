package station

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// unguarded refuses an ordinary edit at the centre that would change what only
// acts of configuration change (R-C-07, R-C-110, R-C-118, R-C-119). At other
// sites the records are not editable at all.
func (s *Station) unguarded(r storage.Reader, do []journal.Proposal) error {
	if s.Identity.Role != Central {
		return nil
	}
	for _, p := range do {
		changed := p.Fields
		if p.Verb != atoll.Insert {
			rec, err := r.Record(p.Key)
			if err != nil {
				continue // the door will say that it is not there
			}
			old := rec.MustFields()
			changed = old.Changes(old.Apply(p.Fields))
			if p.Verb == atoll.Delete {
				changed = old
			}
		} else if p.Key.Type == "store" {
			continue // a new store is active at the centre, unless it says otherwise
		}
		if names := topology.Guarded(p.Key.Type, changed); len(names) > 0 {
			return atoll.Errorf(atoll.Rule, "%s of a %s is not changed by an edit", strings.Join(names, ", "), p.Key.Type).
				About(p.Key).On(names[0]).Do("%s", actFor(names[0])).Because("configured")
		}
	}
	return nil
}

func actFor(field string) string {
	switch field {
	case "include_transactions", "excluded_at":
		return "it is switched by the vendor only, with a reason that is kept"
	case "site_id", "epoch":
		return "assign the store, or move it with a move job, which freezes and drains it first"
	case "disabled":
		return "disable the store, which checks that nothing is open"
	default:
		return "change the configuration instead"
	}
}

// noteRefusal logs that somebody tried to change the configuration where or when
// it may not be changed (R-C-115).
func (s *Station) noteRefusal(ctx context.Context, actor string, do []journal.Proposal, err error) {
	var no *admit.Refusal
	if !errors.As(err, &no) && !errors.Is(err, atoll.Rule) {
		return
	}
	for _, p := range do {
		if names := topology.Guarded(p.Key.Type, p.Fields); len(names) > 0 {
			s.Log.WarnContext(ctx, "change of configuration refused", "user", actor, "record", p.Key.String(), "fields", strings.Join(names, ","), "err", err)
			return
		}
	}
}

// law: ownership of a store moves only together with its epoch, so that what its
// former site still has to say is known as such (R-A-05, R-C-110).
func epochMoves(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.Op.Type != "store" || c.Old == nil || c.New == nil || bytes.Equal(c.Old["site_id"], c.New["site_id"]) {
		return nil
	}
	if c.New.Int("epoch") != c.Old.Int("epoch")+1 {
		return atoll.Errorf(atoll.Rule, "a store cannot become active on another site without a new ownership epoch").On("site_id").
			Do("move it with a move job; a second active instance is impossible").Because("active.epoch")
	}
	return nil
}

// law: the central server and the primary stay open. Without the one nothing moves,
// without the other nobody edits central data (R-A-01).
func neededSites(t *topology.Topology, _ admit.World, edit []admit.Change, c admit.Change) error {
	if (c.Op.Type != "site" && c.Op.Type != "system") || c.New == nil {
		return nil
	}
	if c.Op.Type == "site" && !c.New.Bool("disabled", false) {
		return nil // asked of each of 40,000 sites when they are made
	}
	primary, shut := t.Primary(), map[atoll.SiteID]bool{} // of the sites that the edit changes
	for _, e := range edit {
		switch {
		case e.New == nil:
		case e.Op.Type == "system":
			primary = atoll.SiteID(max(e.New.Int("primary"), 1))
		case e.Op.Type == "site":
			shut[atoll.SiteID(e.New.Int("number"))] = e.New.Bool("disabled", false)
		}
	}
	about := func(id atoll.SiteID) bool {
		is, changed := shut[id]
		if !changed {
			s, _ := t.Site(id)
			is = s.Disabled
		}
		return is && (c.Op.Type == "system" || atoll.SiteID(c.New.Int("number")) == id)
	}
	switch {
	case about(t.Centre()):
		return atoll.Errorf(atoll.Rule, "site %d is the central server: it cannot be disabled", t.Centre()).On("disabled").
			Do("to stop the exchange with one site, pause that site with: atoll site pause").Because("centre.disabled")
	case about(primary):
		return atoll.Errorf(atoll.Rule, "site %d is the primary, which edits central data: it cannot be disabled", primary).On("disabled").
			Do("make another site the primary first").Because("primary.disabled", "site", primary)
	}
	return nil
}

// Shelf place of the stores whose data stays here: keeping, by the store.
const shelfStaying = "staying"

// keeping is how much of a store's data stays at its site.
type keeping struct {
	// Part: what a dispensary keeps whose transactions are excluded; otherwise all that a
	// store keeps that is managed only.
	Part bool `json:"part,omitempty"`
}

// release sends the history of stores whose data has stayed here and shall go up
// from now on: those that were managed only and are not any longer, and
// dispensaries whose transactions are included again (R-B-93, R-C-95). A store may
// have been both, so it is asked how much stays. It is asked before the processors
// run, so that their edits build on what went up. Stopped anywhere, it begins again.
func (s *Station) release(ctx context.Context) error {
	if s.Identity.Role == Central {
		return nil
	}
	var was, now map[atoll.ID]keeping
	var released []string
	err := s.Store.View(ctx, func(r storage.Reader) error {
		was, now, released = map[atoll.ID]keeping{}, map[atoll.ID]keeping{}, nil
		t, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		for _, id := range t.Active(s.Door.Site) {
			if st, _ := t.Store(id); st.ManagedOnly || st.Excluded {
				now[id] = keeping{Part: !st.ManagedOnly}
			}
		}
		items, err := r.Scan(shelfStaying, "", 0, false)
		if err != nil {
			return err
		}
		for _, it := range items {
			var before keeping
			if err := storage.Decode(shelfStaying, it, &before); err != nil {
				return err
			}
			id := atoll.ID(it.Key)
			if st, ok := t.Store(id); !ok || st.Site != s.Door.Site {
				continue
			}
			was[id] = before
			if left, some := now[id]; !some || left.Part && !before.Part {
				released = append(released, it.Key)
			}
		}
		return nil
	})
	if err != nil || maps.Equal(was, now) {
		return err
	}
	if len(released) > 0 {
		_, err := s.Restate(ctx, "atoll", func(rec atoll.Record) bool {
			return slices.Contains(released, rec.MustFields().Text("store_id"))
		})
		if err != nil {
			return err
		}
	}
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		for id := range was {
			if _, some := now[id]; some {
				continue
			}
			if err := tx.Drop(shelfStaying, string(id)); err != nil {
				return err
			}
		}
		for _, id := range slices.Sorted(maps.Keys(now)) {
			if err := storage.Save(tx, shelfStaying, string(id), now[id]); err != nil {
				return err
			}
		}
		return nil
	})
}
