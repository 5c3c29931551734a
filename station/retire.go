package station

import (
	"context"
	"encoding/json"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// shelfDays holds the newest position of this database for each day, so that it can
// be told which replicas were retracted before a day.
const shelfDays = "days"

// RetireAfter is how long a replica that no audience of this site covers is kept,
// unless the preference retire_after_days says otherwise (R-H-48).
const RetireAfter = 90 * 24 * time.Hour

const retirePreference = "retire_after_days"

// Retired is what a retirement came to.
type Retired struct {
	Removed int `json:"removed"` // or would be, in a dry run
	// Named is how many replicas stay because documents here name them, Recent how
	// many were withdrawn too short a time ago.
	Named  int       `json:"named"`
	Recent int       `json:"recent"`
	Before time.Time `json:"before"` // replicas withdrawn before then are old enough
}

// markDay notes the newest position, once a day.
func (s *Station) markDay(ctx context.Context) error {
	if s.Identity.Role == Central {
		return nil
	}
	now := s.Now().UTC()
	due := false
	err := s.Store.View(ctx, func(r storage.Reader) error {
		last, err := r.Scan(shelfDays, "", 1, true)
		due = len(last) == 0 || last[0].Key < now.Add(-24*time.Hour).Format(time.RFC3339)
		return err
	})
	if err != nil || !due {
		return err
	}
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		at, err := tx.LastPosition()
		if err != nil {
			return err
		}
		return storage.Save(tx, shelfDays, now.Format(time.RFC3339), at)
	})
}

// Retire removes replicas that this site lost the right to long ago, such as the
// data of a store that became None (R-H-48): hidden, withdrawn before the time that
// the preference sets (or after, if that is not zero), and named by nothing that is
// left. Nothing may be unsent. With try it only counts. It may be stopped anywhere,
// and is run once a day: a replica is kept that long from the first run after it was
// withdrawn.
func (s *Station) Retire(ctx context.Context, after time.Duration, unsent uint64, try bool) (Retired, error) {
	var out Retired
	if s.Identity.Role == Central {
		return out, atoll.Errorf(atoll.NotHere, "the central server keeps everything")
	}
	if unsent > 0 {
		return out, atoll.Errorf(atoll.Rule, "%d changes of this site are not at the centre yet", unsent).Do("synchronise first: atoll sync").Because("unsent", "n", int(unsent))
	}
	if err := s.markDay(ctx); err != nil {
		return out, err
	}
	var gone []atoll.Key
	err := s.Store.View(ctx, func(r storage.Reader) error {
		out, gone = Retired{}, nil
		if after == 0 {
			t, err := s.Door.Topology(r)
			if err != nil {
				return err
			}
			after = RetireAfter
			days := 0
			if json.Unmarshal(t.Preference(retirePreference), &days) == nil && days > 0 {
				after = time.Duration(days) * 24 * time.Hour
			}
		}
		out.Before = s.Now().Add(-after)
		upTo, err := positionOf(r, out.Before)
		if err != nil {
			return err
		}
		hidden, err := s.retracted(r)
		if err != nil {
			return err
		}
		for key, h := range hidden {
			switch {
			case h.named:
				out.Named++
			case h.at > upTo:
				out.Recent++
			default:
				gone = append(gone, key)
			}
		}
		out.Removed = len(gone)
		return nil
	})
	if err != nil || try {
		return out, err
	}
	const batch = 500
	for len(gone) > 0 {
		n := min(len(gone), batch)
		err := s.Store.Update(ctx, func(tx storage.Tx) error {
			for _, key := range gone[:n] {
				if err := s.Door.Discard(tx, key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return out, err
		}
		gone = gone[n:]
	}
	return out, nil
}

// positionOf returns the newest position that was noted before the moment; 0 if
// none was.
func positionOf(r storage.ShelfReader, before time.Time) (at atoll.Position, err error) {
	marks, err := r.Scan(shelfDays, before.UTC().Format(time.RFC3339), 1, true)
	if err != nil || len(marks) == 0 {
		return 0, err
	}
	err = storage.Decode(shelfDays, marks[0], &at)
	return at, err
}

// replica is a retracted record.
type replica struct {
	at    atoll.Position // when it was retracted
	named bool           // by a record that is shown, or by one that stays
}

// retracted returns the hidden records and whether something that stays names them.
func (s *Station) retracted(r storage.Reader) (map[atoll.Key]*replica, error) {
	hidden := map[atoll.Key]*replica{}
	names := map[atoll.Key][]atoll.Key{} // what hidden records name
	var shown []atoll.Key                // what shown records name
	for after := atoll.Position(0); ; {
		page, err := r.Changed(after, 1000)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		for _, rec := range page {
			after = rec.Position
			if rec.Hidden {
				hidden[rec.Key] = &replica{at: rec.Position}
			}
			if rec.Deleted {
				continue
			}
			for _, ref := range s.Catalogue.References(rec.Type, rec.MustFields()) {
				key := atoll.Key{Type: ref.To, ID: ref.ID}
				if rec.Hidden {
					names[rec.Key] = append(names[rec.Key], key)
				} else {
					shown = append(shown, key)
				}
			}
		}
	}
	for len(shown) > 0 {
		key := shown[len(shown)-1]
		shown = shown[:len(shown)-1]
		if h := hidden[key]; h != nil && !h.named {
			h.named = true
			shown = append(shown, names[key]...)
		}
	}
	return hidden, nil
}
