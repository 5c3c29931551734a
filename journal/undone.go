package journal

import (
	"errors"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// shelfUndone lists records of which the centre refused what was done here, and gave it
// back, and what processors here had answered with it: that may have to be answered again.
const shelfUndone = "undone"

// byProcessor begins the causes of the entries that processors make.
const byProcessor = "process/"

// Answered is a record that was answered here, and by which processor. One without a
// kind was itself given back: it is here as it was before, or not at all.
type Answered struct {
	Kind   string
	Record string // "type/id"
}

// CauseOf is the cause of an entry that a processor makes of a record.
func CauseOf(kind string, record atoll.Key) atoll.Cause {
	return atoll.Cause{Kind: byProcessor + kind, Ref: record.String()}
}

// undone notes that the centre's true state, made in the entry now, takes the place of the
// version, and what that was the answer to, if a processor here made it: also if somebody
// has worked on it or stated it again since. Nothing else would ask about that again: it
// has not changed; nor about what was answered with it, if it is gone.
func (d *Door) undone(tx storage.Tx, was atoll.Record, now atoll.Origin) error {
	if was.Origin.Site != d.Site {
		return nil
	}
	if err := tx.Set(shelfUndone, " "+was.Key.String(), nil); err != nil {
		return err
	}
	for at := was.Origin; at.Site == d.Site && at != now; {
		je, err := tx.Entry(at.Site, at.Seq)
		if errors.Is(err, atoll.NotFound) {
			return nil // made before this database was initialised
		}
		if err != nil {
			return err
		}
		e, err := atoll.DecodeEntry(je.Content)
		if err != nil {
			return nil //nolint:nilerr // what cannot be read was refused for that
		}
		if kind, ok := strings.CutPrefix(e.Cause.Kind, byProcessor); ok && e.Cause.Ref != "" {
			if err := errors.Join(d.countBack(tx, at.Seq, e), tx.Set(shelfUndone, kind+" "+e.Cause.Ref, nil)); err != nil {
				return err
			}
		}
		i := slices.IndexFunc(e.Operations, func(op atoll.Operation) bool { return op.Key == was.Key })
		if i < 0 {
			return nil
		}
		at = e.Operations[i].Base
	}
	return nil
}

// Undone returns what is to be answered again, and strikes it off the list.
func Undone(tx storage.Tx) ([]Answered, error) {
	items, err := tx.Scan(shelfUndone, "", 0, false)
	if err != nil {
		return nil, err
	}
	out := make([]Answered, 0, len(items))
	for _, it := range items {
		at := strings.LastIndexByte(it.Key, ' ')
		out = append(out, Answered{it.Key[:at], it.Key[at+1:]})
		if err := tx.Drop(shelfUndone, it.Key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AnyUndone reports whether there is something to be answered again.
func AnyUndone(r storage.ShelfReader) (bool, error) {
	items, err := r.Scan(shelfUndone, "", 1, false)
	return len(items) > 0, err
}

// GivenBack reports whether records of the type were given back that are yet to be
// answered again.
func GivenBack(r storage.ShelfReader, t atoll.Type) (bool, error) {
	of := " " + string(t) + "/"
	items, err := r.Scan(shelfUndone, of, 1, false)
	return len(items) > 0 && strings.HasPrefix(items[0].Key, of), err
}
