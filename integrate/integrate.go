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
	laneNow     = "~now"     // what a checkpoint integrates, each record once; empty outside of its transaction
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
//
// However much is staged, a page of it is held at a time.
func Checkpoint(tx storage.Tx, door *journal.Door, lanes, others []string) (Tally, error) {
	var tally Tally
	for _, lane := range lanes {
		if err := tx.Restage(lane, laneNow); err != nil {
			return tally, err
		}
	}
	others, err := underWay(tx, others)
	if err != nil {
		return tally, err
	}
	if len(others) > 0 {
		if err := storage.EachStaged(tx, laneNow, func(item storage.StagedItem) error { return outdate(tx, others, item) }); err != nil {
			return tally, err
		}
	}
	if err := tx.Restage(LaneWaiting, laneNow); err != nil {
		return tally, err
	}
	types, err := tx.StagedTypes(laneNow)
	if err != nil {
		return tally, err
	}
	sort(door.Judge.Catalogue, types)
	for _, of := range types {
		for page, err := range storage.StagedPages(tx, laneNow, of) {
			if err != nil {
				return tally, err
			}
			if err := tally.take(tx, door, page); err != nil {
				return tally, err
			}
		}
	}
	return tally, tx.Unstage(laneNow, atoll.Key{})
}

// take integrates a page of what is staged.
func (t *Tally) take(tx storage.Tx, door *journal.Door, page []storage.StagedItem) error {
	keys := make([]atoll.Key, len(page))
	for i, item := range page {
		keys[i] = item.Key
	}
	if err := tx.Prefetch(keys); err != nil {
		return err
	}
	for _, item := range page {
		t.Staged++
		outcome, err := one(tx, door, item)
		if wait := (*atoll.Error)(nil); errors.As(err, &wait) && waits(wait.Code) {
			item.Error, item.Attempts = wait.Error(), item.Attempts+1
			if err := tx.Stage(LaneWaiting, item); err != nil {
				return err
			}
			t.Waiting++
			continue
		}
		if err != nil {
			return err
		}
		switch outcome {
		case journal.Stored:
			t.Stored++
		case journal.Known:
			t.Known++
		case journal.Kept:
			t.Kept++
		case journal.Retracted, journal.Forgotten:
			t.Retracted++
		}
	}
	return nil
}

// Departures takes what is staged of the normal flow as gone, ahead of its
// checkpoint. It was said of the audiences the site had; what audiences bring that it
// gains afterwards is newer, whatever its position. Others are as for [Checkpoint].
func Departures(tx storage.Tx, door *journal.Door, others []string) error {
	others, err := underWay(tx, others)
	if err != nil {
		return err
	}
	return storage.EachStaged(tx, LaneNormal, func(item storage.StagedItem) error {
		if a, err := Decode(item); err != nil || !a.Gone {
			return nil //nolint:nilerr // what cannot be read waits, and is shown
		}
		if err := outdate(tx, others, item); err != nil {
			return err
		}
		if _, err := one(tx, door, item); err != nil {
			return err
		}
		return tx.Unstage(LaneNormal, item.Key)
	})
}

// outdate takes away what lanes that are under way have of a record that is taken now,
// and is older: they would put it back to what it was, as it may have left their
// audience since. Of one that leaves the site with its audience, the lane of another
// keeps what it has: it says itself when the record left that one, too. A job lists a
// record once and does not hear what becomes of it: all that its lane has goes (R-H-43).
func outdate(tx storage.Tx, lanes []string, taken storage.StagedItem) error {
	a, err := Decode(taken)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read waits, and is shown
	}
	for _, lane := range lanes {
		var err error
		if kind, _ := atoll.Audience(lane).Split(); kind == "job" {
			err = tx.Unstage(lane, taken.Key)
		} else if !a.Gone {
			err = tx.Outdate(lane, taken)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// underWay returns those of the lanes in which something is staged.
func underWay(r storage.StageReader, lanes []string) ([]string, error) {
	staged, err := r.CountStaged()
	return slices.DeleteFunc(slices.Clone(lanes), func(lane string) bool { return staged[lane] == 0 }), err
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

// sort puts types after those they need. Within a type, order of position keeps a
// parent before its child.
func sort(c *catalogue.Catalogue, types []atoll.Type) {
	slices.SortStableFunc(types, func(a, b atoll.Type) int {
		// Whether a store is on the move decides whether this site keeps its own state
		// of the store's records.
		if x, y := a == "store_move", b == "store_move"; x != y {
			if x {
				return -1
			}
			return 1
		}
		return c.Order(a) - c.Order(b)
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
