package admit

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// world is a World in which the entry's own changes have been made. It reads each
// record once: the lines of a document all name the same few.
type world struct {
	World
	here map[atoll.Key]*Change
	read map[atoll.Key]known
}

type known struct {
	record atoll.Record
	there  bool
}

func (w world) Record(key atoll.Key) (atoll.Record, bool, error) {
	c, ok := w.here[key]
	if !ok {
		k, read := w.read[key]
		if !read {
			var err error
			if k.record, k.there, err = w.World.Record(key); err != nil {
				return k.record, false, err
			}
			w.read[key] = k
		}
		return k.record, k.there, nil
	}
	r := atoll.Record{Key: key, Version: c.Op.Version, Deleted: c.Op.Gone()}
	if c.New != nil {
		r.Body = c.New.Encode()
	} else if c.Before != nil {
		r.Body = c.Before.Body
	}
	return r, true, nil
}

// Lines are those of the world below, as the entry's own changes leave them.
func (w world) Lines(t atoll.Type, field string, of atoll.ID) ([]atoll.Record, error) {
	below, err := w.World.Lines(t, field, of)
	if err != nil {
		return nil, err
	}
	out := make([]atoll.Record, 0, len(below))
	for _, r := range below {
		if _, changed := w.here[r.Key]; !changed {
			out = append(out, r)
		}
	}
	for key, c := range w.here {
		if key.Type == t && !c.Op.Gone() && c.New.ID(field) == of {
			r, _, err := w.Record(key)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b atoll.Record) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out, nil
}
