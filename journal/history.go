package journal

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Change is one version of a record, as the journal tells it.
type Change struct {
	Origin   atoll.Origin
	Timeline atoll.Timeline
	Time     time.Time // the clock of the site that made it
	Received time.Time // when this database got the entry
	Actor    string
	Cause    atoll.Cause
	Op       atoll.Operation
	Hash     atoll.Hash
}

// History returns the versions of a record, newest first, up to limit (0: all).
// It follows each operation's base back to the one before, as far as this
// database holds the journals: a remote site holds only its own.
func History(r storage.Reader, rec atoll.Record, limit int) ([]Change, error) {
	var out []Change
	for at := rec.Origin; at != (atoll.Origin{}) && (limit == 0 || len(out) < limit); {
		je, err := r.Entry(at.Site, at.Seq)
		if errors.Is(err, atoll.NotFound) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		e, err := atoll.DecodeEntry(je.Content)
		if err != nil {
			return out, err
		}
		next := atoll.Origin{}
		for _, op := range e.Operations {
			if op.Key == rec.Key && op.Withheld.IsZero() {
				out = append(out, Change{at, je.Timeline, e.Time, je.Received, e.Actor, e.Cause, op, je.Hash})
				next = op.Base
			}
		}
		at = next
	}
	return out, nil
}

// Provenance tells where versions of records come from, as far as the journals in R go
// back. It remembers entries that it read, as many records come from the same: it is for
// one transaction.
type Provenance struct {
	R    storage.Reader
	read map[atoll.Origin]*atoll.Entry
}

// mostRemembered is how many entries are kept at a time.
const mostRemembered = 64

func (p *Provenance) entry(at atoll.Origin) (*atoll.Entry, error) {
	if e := p.read[at]; e != nil {
		return e, nil
	}
	je, err := p.R.Entry(at.Site, at.Seq)
	if err != nil {
		return nil, err
	}
	e, err := atoll.DecodeEntry(je.Content)
	if err != nil {
		return nil, err
	}
	if p.read == nil || len(p.read) == mostRemembered {
		p.read = map[atoll.Origin]*atoll.Entry{}
	}
	p.read[at] = e
	return e, nil
}

// Shared reports whether the version of a record was made by one site and goes back to
// one that another made.
func (p *Provenance) Shared(rec atoll.Record) (bool, error) {
	for at := rec.Origin; at.Site != 0; {
		e, err := p.entry(at)
		if errors.Is(err, atoll.NotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(e.Operations, func(op atoll.Operation) bool { return op.Key == rec.Key })
		if i < 0 {
			return false, nil
		}
		if at = e.Operations[i].Base; at.Site != 0 && at.Site != rec.Origin.Site {
			return true, nil
		}
	}
	return false, nil
}

// Before returns what the fields that an operation changes were before it; those that
// the record did not have are not in it. It goes back so many versions at most, and as
// far as the journals are here: whole is false when it did not find out of every field.
func (p *Provenance) Before(op atoll.Operation, most int) (was atoll.Fields, whole bool, err error) {
	was = atoll.Fields{}
	wanted := maps.Clone(op.Fields)
	for at := op.Base; at.Site != 0 && len(wanted) > 0; most-- {
		if most == 0 {
			return was, false, nil
		}
		e, err := p.entry(at)
		if errors.Is(err, atoll.NotFound) {
			return was, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		i := slices.IndexFunc(e.Operations, func(o atoll.Operation) bool { return o.Key == op.Key })
		if i < 0 || !e.Operations[i].Withheld.IsZero() {
			return was, false, nil
		}
		before := e.Operations[i]
		for name := range wanted {
			if value, ok := before.Fields[name]; ok {
				was[name] = value
				delete(wanted, name)
			}
		}
		if before.Verb == atoll.Insert || before.Verb == atoll.Restate {
			return was, true, nil // it has all that there was
		}
		at = before.Base
	}
	return was, len(wanted) == 0, nil
}

// Verify recomputes the hash chain of a site's journal from after seq on, and
// returns the number of entries that were read. It fails with atoll.WrongChain at
// the first that does not follow (R-K-60). Base is the hash at after. Lost entries
// (see Door.Skip) break no chain.
func Verify(r storage.Reader, site atoll.SiteID, after uint64, base atoll.Hash) (int, error) {
	n, prev, last := 0, base, after
	err := Walk(r, site, after, func(e storage.JournalEntry) error {
		want := atoll.Chain(prev, e.Site, e.Timeline, e.Seq, atoll.Digest(e.Content))
		if e.Seq != last+1 || (want != e.Hash && !takenUp(e)) {
			return atoll.Errorf(atoll.WrongChain, "entry %d of site %d does not follow the one before it", e.Seq, site).
				Do("the journal was altered; restore it from a backup, or from the centre's copy")
		}
		last, prev = e.Seq, e.Hash
		n++
		return nil
	})
	return n, err
}

// Walk calls fn with the entries of a site's journal after seq after, in order, up to
// its first error. It reads page by page, so that the longest journal takes little
// memory.
func Walk(r storage.Reader, site atoll.SiteID, after uint64, fn func(storage.JournalEntry) error) error {
	for {
		page, err := r.Entries(site, after, 500, 8<<20)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			if err := fn(e); err != nil {
				return err
			}
			after = e.Seq
		}
	}
}

// walkAll walks all journals, by their sites' numbers.
func walkAll(r storage.Reader, fn func(storage.JournalEntry) error) error {
	heads, err := r.Journals()
	if err != nil {
		return err
	}
	for _, site := range slices.Sorted(maps.Keys(heads)) {
		if err := Walk(r, site, 0, fn); err != nil {
			return err
		}
	}
	return nil
}
