package msupply

import (
	"context"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Writer is the place an import reads and writes: the centre's database, through
// its journal. Local is one.
type Writer interface {
	// Record returns the record, tombstones included, and whether there is one.
	Record(ctx context.Context, key atoll.Key) (atoll.Record, bool, error)
	// Write makes the edit in a transaction of its own. It fails with an
	// *admit.Refusal when the edit may not stand; nothing of it remains then.
	Write(ctx context.Context, e journal.Edit) (journal.Result, error)
}

// Local writes to a database in this process.
type Local struct {
	Store storage.Store
	Door  *journal.Door
}

var _ Writer = Local{}

// Record implements Writer.
func (l Local) Record(ctx context.Context, key atoll.Key) (r atoll.Record, ok bool, err error) {
	err = l.Store.View(ctx, func(s storage.Reader) error {
		r, ok, err = journal.View{RecordReader: s}.Record(key)
		return err
	})
	return r, ok, err
}

// Write implements Writer.
func (l Local) Write(ctx context.Context, e journal.Edit) (res journal.Result, err error) {
	err = l.Store.Update(ctx, func(tx storage.Tx) error {
		res, err = l.Door.Write(tx, e)
		return err
	})
	return res, err
}

// Bounds of one entry, below those of the journal: its text is longer than that
// of the fields.
const (
	entryBytes = atoll.MaxEntry / 2
	overhead   = 300 // bytes of an operation beside its fields
)

// scribe writes units in batches.
type scribe struct {
	*planner
	edit     journal.Edit // actor and cause
	most     int          // operations in one entry
	entries  int
	progress func(written int)
	written  map[atoll.Key]bool // of documents that take several entries
}

// write puts all units into the journal, a batch in each entry.
func (s *scribe) write(all []*unit) error {
	var batch []*unit
	ops, size, barrier := 0, 0, false
	flush := func() error {
		err := s.commit(batch)
		for _, u := range batch {
			s.progress(u.sources())
		}
		batch, ops, size, barrier = nil, 0, 0, false
		return err
	}
	for _, u := range all {
		n, b := measure(u)
		if len(batch) > 0 && (ops+n > s.most || size+b > entryBytes || barrier && !u.barrier) {
			if err := flush(); err != nil {
				return err
			}
		}
		batch = append(batch, u)
		ops, size, barrier = ops+n, size+b, barrier || u.barrier
	}
	return flush()
}

// sources is how many records of the capture are in the unit.
func (u *unit) sources() int {
	n := 0
	for _, m := range u.members {
		if m.source != nil {
			n++
		}
	}
	return n
}

func measure(u *unit) (ops, size int) {
	for _, q := range proposals(u) {
		ops++
		size += len(q.fields) + overhead
	}
	return ops, size
}

// proposals are those of the records, then those that tell about them.
func proposals(units ...*unit) []packed {
	var out []packed
	for _, u := range units {
		for _, m := range u.members {
			out = append(out, m.records...)
		}
	}
	for _, u := range units {
		for _, m := range u.members {
			out = append(out, m.notes...)
		}
	}
	return out
}

// commit writes units. When they are refused, it looks for the ones at fault by
// halves, keeps their records whole, and writes the others.
func (s *scribe) commit(units []*unit) error {
	all := proposals(units...)
	refusal, err := s.put(all)
	if err != nil || refusal == nil {
		return err
	}
	if half := len(units) / 2; half > 0 {
		if err := s.commit(units[:half]); err != nil {
			return err
		}
		return s.commit(units[half:])
	}
	if err := s.drop(units[0], refusal); err != nil {
		return err
	}
	return s.commit(units)
}

// put writes proposals in one entry; in several only when one document is too
// long for that.
func (s *scribe) put(all []packed) (*admit.Refusal, error) {
	for long := false; len(all) > 0; {
		n, size := 0, 0
		for n < len(all) && n < atoll.MaxOperations {
			if size += len(all[n].fields) + overhead; n > 0 && size > atoll.MaxEntry*3/4 {
				break
			}
			n++
		}
		if n < len(all) && !long {
			long = true
			var err error
			if all, err = open(all); err != nil {
				return nil, err
			}
		}
		e := s.edit
		for _, q := range all[:n] {
			if q.verb == atoll.Insert && s.written[q.key] {
				continue
			}
			p, err := q.proposal()
			if err != nil {
				return nil, err
			}
			e.Do = append(e.Do, p)
		}
		res, err := s.writer.Write(s.ctx, e)
		var refusal *admit.Refusal
		if errors.As(err, &refusal) {
			return refusal, nil
		}
		if err != nil {
			return nil, err
		}
		if res.Seq > 0 {
			s.entries++
		}
		for _, q := range all[:n] {
			if long { // if a later part is refused, this one is not written again
				s.written[q.key] = true
			}
		}
		all = all[n:]
	}
	return nil, nil
}

// open lets a document that is too long for one entry begin as a new one and
// reach its status with its last part: lines cannot be added to a finalised one.
func open(all []packed) ([]packed, error) {
	head, err := all[0].proposal()
	if err != nil || head.Verb != atoll.Insert || !head.Fields.Has("status") ||
		!slices.ContainsFunc(all, func(q packed) bool { return slices.Contains(whole, q.key.Type) }) {
		return all, err
	}
	status := head.Fields.Text("status")
	head.Fields.Set("status", "new")
	all = slices.Clone(all)
	all[0] = pack(head)
	last := journal.Proposal{Verb: atoll.Update, Key: head.Key, Fields: atoll.Fields{}.Set("status", status)}
	return append(all, pack(last)), nil
}

// drop takes the record at fault out of a unit, and with it the lines that are
// part of it: they are kept as they came.
func (s *scribe) drop(u *unit, refusal *admit.Refusal) error {
	var head *planned
	for _, m := range u.members {
		for _, q := range m.records {
			if q.key == refusal.Key {
				head = m
			}
		}
	}
	if head == nil || head.given {
		return refusal // it is not about a record of theirs: the import itself is wrong
	}
	for _, m := range u.members {
		if m != head && m.document != refusal.Key {
			continue
		}
		r := s.w.translate(m.source)
		if s.w.err != nil {
			return s.w.err
		}
		r.refused, r.detail = whyRefused, refusal.Error()
		if m != head {
			r.refused, r.detail = whyReference, "its document was refused: "+refusal.Error()
		}
		m.given = true
		if err := s.keep(m, r); err != nil {
			return err
		}
	}
	return nil
}
