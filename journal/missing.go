package journal

import (
	"bytes"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Missing returns the records that the journals in this database tell of and that
// are not in it, with the entry that made their last version. It reads all journals:
// at the centre, everything that anybody ever wrote. Progress may be nil.
func Missing(r storage.Reader, progress func(entries int)) (map[atoll.Key]atoll.Origin, error) {
	m := missing{r: r, here: map[atoll.Key]bool{}, made: map[atoll.Key][]atoll.Origin{}, built: map[atoll.Key]map[atoll.Origin]bool{}, refused: map[atoll.Origin]bool{}}
	refusals, err := r.Refusals(0, false, 0, 0)
	if err != nil {
		return nil, err
	}
	for _, no := range refusals {
		if no.State != storage.Applied {
			m.refused[atoll.Origin{Site: no.Site, Seq: no.Seq}] = true
		}
	}
	n := 0
	err = walkAll(r, func(e storage.JournalEntry) error {
		if n++; n%500 == 0 && progress != nil {
			progress(n)
		}
		return m.entry(e)
	})
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(n)
	}
	return m.last(), nil
}

type missing struct {
	r       storage.Reader
	here    map[atoll.Key]bool
	made    map[atoll.Key][]atoll.Origin        // versions, as far as they are in journals
	built   map[atoll.Key]map[atoll.Origin]bool // those that another was built on
	refused map[atoll.Origin]bool               // entries that do not stand
}

func (m *missing) entry(je storage.JournalEntry) error {
	origin := atoll.Origin{Site: je.Site, Seq: je.Seq}
	e, err := atoll.DecodeEntry(je.Content)
	if err != nil || !e.Withheld.IsZero() || m.refused[origin] {
		return nil //nolint:nilerr // what cannot be read was refused, or is lost
	}
	for _, op := range e.Operations {
		if !op.Withheld.IsZero() {
			continue
		}
		is, seen := m.here[op.Key]
		if !seen {
			_, err := m.r.Record(op.Key)
			if err != nil && !errors.Is(err, atoll.NotFound) {
				return err
			}
			is = err == nil
			m.here[op.Key] = is
		}
		if is {
			continue
		}
		if op.Verb == atoll.Restate {
			m.made[op.Key] = append(m.made[op.Key], op.Base)
			continue
		}
		m.made[op.Key] = append(m.made[op.Key], origin)
		if m.built[op.Key] == nil {
			m.built[op.Key] = map[atoll.Origin]bool{}
		}
		m.built[op.Key][op.Base] = true
	}
	return nil
}

// last are the versions that no other was built on.
func (m *missing) last() map[atoll.Key]atoll.Origin {
	out := map[atoll.Key]atoll.Origin{}
	for key, versions := range m.made {
		for _, o := range versions {
			if !m.built[key][o] {
				out[key] = o
			}
		}
	}
	return out
}

// Versions returns the entries that any journal here has about the record, by the
// numbers of their sites. It reads all journals.
func Versions(r storage.Reader, key atoll.Key) (out []atoll.Origin, err error) {
	err = walkAll(r, func(je storage.JournalEntry) error {
		if !bytes.Contains(je.Content, []byte(key.ID)) {
			return nil
		}
		e, err := atoll.DecodeEntry(je.Content)
		if err == nil && slices.ContainsFunc(e.Operations, func(op atoll.Operation) bool { return op.Key == key && op.Withheld.IsZero() }) {
			out = append(out, atoll.Origin{Site: je.Site, Seq: je.Seq})
		}
		return nil // what cannot be read was refused, or is lost
	})
	return out, err
}
