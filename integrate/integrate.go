// Package integrate turns what has arrived and was staged into records: in the
// order in which records need each other, each once, without letting one that
// cannot be taken stop the others (R-A-11, R-A-17).
package integrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Lanes of staging. Backfilled audiences have a lane each, named by the audience.
const (
	LaneNormal  = ""
	LaneWaiting = "~waiting" // could not be integrated yet; no audience has this name
)

// Tally counts what integration did. Staged = Stored + Known + Kept + Retracted +
// Waiting.
type Tally struct {
	Staged    int `json:"staged"`
	Stored    int `json:"stored"`
	Known     int `json:"known"`
	Kept      int `json:"kept"`
	Retracted int `json:"retracted"`
	Waiting   int `json:"waiting"`
}

// Add adds another tally.
func (t *Tally) Add(o Tally) {
	t.Staged += o.Staged
	t.Stored += o.Stored
	t.Known += o.Known
	t.Kept += o.Kept
	t.Retracted += o.Retracted
	t.Waiting += o.Waiting
}

// Encode returns the staged form of a frame, and Decode reads it back.
func Encode(f exchange.Record, pushed uint64) storage.StagedItem {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the body must come out as it went in, to the byte
	_ = e.Encode(staged{
		Version: f.Version, Origin: f.Origin, Deleted: f.Deleted, Gone: f.Gone, Forced: f.Forced, Pushed: pushed, Body: f.Body,
	})
	return storage.StagedItem{Key: f.Key, Position: f.Position, Payload: bytes.TrimSpace(b.Bytes())}
}

type staged struct {
	Version uint64          `json:"version,omitempty"`
	Origin  atoll.Origin    `json:"origin,omitzero"`
	Deleted bool            `json:"deleted,omitempty"`
	Gone    bool            `json:"gone,omitempty"`
	Forced  bool            `json:"forced,omitempty"`
	Pushed  uint64          `json:"pushed,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

// Arrived is the frame as the door receives it: what Decode returns of what Encode
// made of it.
func Arrived(f exchange.Record, pushed uint64) journal.Arrival {
	return journal.Arrival{
		Record: atoll.Record{Key: f.Key, Version: f.Version, Origin: f.Origin, Deleted: f.Deleted, Body: f.Body},
		Gone:   f.Gone, Forced: f.Forced, Pushed: pushed,
	}
}

// Decode reads a staged item. It fails with atoll.Invalid.
func Decode(i storage.StagedItem) (journal.Arrival, error) {
	var s staged
	if err := json.Unmarshal(i.Payload, &s); err != nil {
		return journal.Arrival{}, atoll.Errorf(atoll.Invalid, "a staged record cannot be read: %w", err).About(i.Key)
	}
	return journal.Arrival{
		Record: atoll.Record{Key: i.Key, Version: s.Version, Origin: s.Origin, Deleted: s.Deleted, Body: s.Body},
		Gone:   s.Gone, Forced: s.Forced, Pushed: s.Pushed,
	}, nil
}

// Checkpoint integrates everything staged in the lanes, and what waited from
// before, in the caller's transaction: either all of it is visible afterwards,
// or, on an error, none. Items that cannot be taken yet (a parent that is not
// here, a record type this program does not know, a body that is not valid) go
// to the waiting lane with their reason. Others are the lanes that a later checkpoint
// completes.
func Checkpoint(tx storage.Tx, door *journal.Door, lanes, others []string) (Tally, error) {
	taken, err := gather(tx, lanes)
	if err != nil {
		return Tally{}, err
	}
	waiting, err := gather(tx, []string{LaneWaiting})
	if err != nil {
		return Tally{}, err
	}
	if err := outdate(tx, others, taken); err != nil {
		return Tally{}, err
	}
	items := Newest(append(taken, waiting...))
	sort(door.Judge.Catalogue, items)
	var tally Tally
	for _, lane := range append(slices.Clone(lanes), LaneWaiting) {
		if err := tx.Unstage(lane, atoll.Key{}); err != nil {
			return tally, err
		}
	}
	for _, item := range items {
		tally.Staged++
		outcome, err := one(tx, door, item)
		if wait := (*atoll.Error)(nil); errors.As(err, &wait) && waits(wait.Code) {
			item.Error, item.Attempts = wait.Error(), item.Attempts+1
			if err := tx.Stage(LaneWaiting, item); err != nil {
				return tally, err
			}
			tally.Waiting++
			continue
		}
		if err != nil {
			return tally, err
		}
		switch outcome {
		case journal.Stored:
			tally.Stored++
		case journal.Known:
			tally.Known++
		case journal.Kept:
			tally.Kept++
		case journal.Retracted, journal.Forgotten:
			tally.Retracted++
		}
	}
	return tally, nil
}

// Departures takes what is staged of the normal flow as gone, ahead of its
// checkpoint. It was said of the audiences the site had; what audiences bring that it
// gains afterwards is newer, whatever its position. Others are as for [Checkpoint].
func Departures(tx storage.Tx, door *journal.Door, others []string) error {
	items, err := tx.Staged(LaneNormal, 0)
	if err != nil {
		return err
	}
	items = slices.DeleteFunc(items, func(item storage.StagedItem) bool {
		a, err := Decode(item)
		return err != nil || !a.Gone // what cannot be read waits, and is shown
	})
	if err := outdate(tx, others, items); err != nil {
		return err
	}
	for _, item := range items {
		if _, err := one(tx, door, item); err != nil {
			return err
		}
		if err := tx.Unstage(LaneNormal, item.Key); err != nil {
			return err
		}
	}
	return nil
}

// outdate takes away what lanes that are under way have of records that are taken now:
// they would put them back to what they were. A record may have left the lane's audience
// since, or be sent again by a job, which lists it once and does not hear what becomes
// of it (R-H-43). Of one that leaves the site with its audience, the lane of another
// keeps what it has: it says itself when the record left that one, too.
func outdate(tx storage.Tx, lanes []string, taken []storage.StagedItem) error {
	if len(lanes) == 0 || len(taken) == 0 {
		return nil
	}
	staged, err := tx.CountStaged()
	if err != nil {
		return err
	}
	for _, lane := range lanes {
		kind, _ := atoll.Audience(lane).Split()
		if staged[lane] == 0 {
			continue
		}
		for _, item := range taken {
			if a, err := Decode(item); err != nil || a.Gone && kind != "job" {
				continue // what cannot be read waits, and is shown
			}
			if err := tx.Unstage(lane, item.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// waits reports whether an item with this error may succeed later.
func waits(c atoll.Code) bool {
	switch c {
	case atoll.Reference, atoll.Unknown, atoll.Schema, atoll.Invalid, atoll.TooLarge:
		return true
	default:
		return false
	}
}

// gather reads the lanes, keeping the newest item of each record.
func gather(r storage.StageReader, lanes []string) ([]storage.StagedItem, error) {
	var all []storage.StagedItem
	for _, lane := range lanes {
		items, err := r.Staged(lane, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return Newest(all), nil
}

// Newest keeps the newest of the items of each record; of those at one position, the
// last.
func Newest(items []storage.StagedItem) []storage.StagedItem {
	out := make([]storage.StagedItem, 0, len(items))
	place := make(map[atoll.Key]int, len(items))
	for _, item := range items {
		i, there := place[item.Key]
		switch {
		case !there:
			place[item.Key] = len(out)
			out = append(out, item)
		case out[i].Position <= item.Position:
			out[i] = item
		}
	}
	return out
}

// sort puts records after the types they need, and retractions last. Within a
// type, order of position keeps a parent before its child.
func sort(c *catalogue.Catalogue, items []storage.StagedItem) {
	slices.SortStableFunc(items, func(a, b storage.StagedItem) int {
		// Whether a store is on the move decides whether this site keeps its own state
		// of the store's records.
		if x, y := a.Key.Type == "store_move", b.Key.Type == "store_move"; x != y {
			if x {
				return -1
			}
			return 1
		}
		if d := c.Order(a.Key.Type) - c.Order(b.Key.Type); d != 0 {
			return d
		}
		switch {
		case a.Position < b.Position:
			return -1
		case a.Position > b.Position:
			return 1
		}
		return 0
	})
}

func one(tx storage.Tx, door *journal.Door, item storage.StagedItem) (journal.Outcome, error) {
	a, err := Decode(item)
	if err != nil {
		return 0, err
	}
	if !a.Gone {
		if err := ready(tx, door.Judge.Catalogue, a.Record); err != nil {
			return 0, err
		}
	}
	t, err := door.Topology(tx)
	if err != nil {
		return 0, err
	}
	return door.Receive(tx, t, a)
}

// ready says whether the record can be taken: its type is known, its body valid,
// and the record it is part of is here (R-A-11, R-D-22).
func ready(r storage.RecordReader, c *catalogue.Catalogue, rec atoll.Record) error {
	if _, ok := c.Lookup(rec.Type); !ok {
		return atoll.Errorf(atoll.Unknown, "this program does not know record type %q yet", rec.Type).
			About(rec.Key).Do("it is kept, and taken after an upgrade")
	}
	f, err := rec.Fields()
	if err != nil {
		return err
	}
	if rec.Deleted {
		return nil
	}
	if err := c.CheckReceived(rec.Type, f); err != nil {
		return err
	}
	for _, ref := range c.References(rec.Type, f) {
		if !ref.Parent {
			continue
		}
		if _, err := r.Record(atoll.Key{Type: ref.To, ID: ref.ID}); errors.Is(err, atoll.NotFound) {
			return atoll.Errorf(atoll.Reference, "%s %s, which it is part of, has not arrived yet", ref.To, ref.ID).
				About(rec.Key).On(ref.Field)
		} else if err != nil {
			return err
		}
	}
	return nil
}
