package central

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// FoundRecords returns what sites hold of the centre's own that this database,
// restored from a backup, has lost: in the order in which records need each other,
// and in words. The words are empty when there is nothing.
func (c *Centre) FoundRecords(ctx context.Context) (rows []Found, words string, err error) {
	err = c.Store.View(ctx, func(r storage.Reader) (err error) {
		rows, err = c.found(r)
		return err
	})
	if len(rows) > 0 {
		words = foundWords(len(rows))
	}
	return rows, words, err
}

func (c *Centre) found(r storage.Reader) (rows []Found, err error) {
	rows, err = storage.Listed[Found](r, shelfFound, "", 0, false)
	if err != nil {
		return nil, err
	}
	order := c.Door.Judge.Catalogue.Order
	slices.SortStableFunc(rows, func(a, b Found) int {
		if d := order(a.Type) - order(b.Type); d != 0 {
			return d
		}
		switch {
		case a.Origin.Seq < b.Origin.Seq:
			return -1
		case a.Origin.Seq > b.Origin.Seq:
			return 1
		}
		return 0
	})
	return rows, nil
}

// Taken tells what became of one record.
type Taken struct {
	atoll.Key
	Err error // why it was not taken back; nil if it was
}

// TakeBack makes records that were found the centre's again, by edits of the centre's
// own, which are judged, noted in its journal and sent out like any other: all of them,
// or those with the keys. A document and its lines are taken back together, and so are a
// store and the move that switched it. One that the centre has changed since it was
// restored is taken only if it is named; one whose number
// was given to another document since gets the next. What cannot be
// taken stays found. What sites sent and waits is judged again when records are back,
// unless it is for a person to decide.
func (c *Centre) TakeBack(ctx context.Context, actor, reason string, keys ...atoll.Key) ([]Taken, error) {
	var out []Taken
	err := c.settleFound(ctx, reason, keys, func(tx storage.Tx, rows []Found) error {
		err := tx.Savepoint(func() error { return c.takeBack(tx, actor, reason, rows, len(keys) > 0) })
		if e := (*atoll.Error)(nil); err != nil && !errors.As(err, &e) {
			return err
		}
		for _, row := range rows {
			out = append(out, Taken{Key: row.Key, Err: err})
		}
		if err != nil {
			return errKeep
		}
		return nil
	}, func() { out = nil })
	if err != nil {
		return out, err
	}
	var back []atoll.Key
	for _, t := range out {
		if t.Err == nil {
			back = append(back, t.Key)
		}
	}
	if len(back) > 0 {
		err = c.commits.do(ctx, func(tx storage.Tx) error {
			if err := process.Rewind(tx); err != nil { // what answers them may be here
				return err
			}
			return c.retryTaken(tx, slices.Clone(back))
		})
	}
	if c.Admitted != nil {
		c.Admitted(ctx)
	}
	return out, err
}

// LeaveFound forgets records that were found: what the centre has now stands.
func (c *Centre) LeaveFound(ctx context.Context, reason string, keys ...atoll.Key) (n int, err error) {
	err = c.settleFound(ctx, reason, keys, func(_ storage.Tx, rows []Found) error { n += len(rows); return nil }, func() { n = 0 })
	return n, err
}

// errKeep says that a record stays found.
var errKeep = errors.New("it stays found")

func (c *Centre) settleFound(ctx context.Context, reason string, keys []atoll.Key, fn func(storage.Tx, []Found) error, begin func()) error {
	if reason == "" {
		return atoll.Errorf(atoll.Invalid, "a reason is needed").On("reason")
	}
	return c.commits.do(ctx, func(tx storage.Tx) error {
		begin()
		rows, err := c.found(tx)
		if err != nil {
			return err
		}
		n, err := loadCount(tx)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			rows = slices.DeleteFunc(rows, func(row Found) bool { return !slices.Contains(keys, row.Key) })
		}
		for _, together := range c.whole(rows) {
			switch err := fn(tx, together); {
			case errors.Is(err, errKeep):
				continue
			case err != nil:
				return err
			}
			for _, row := range together {
				if err := errors.Join(tx.Drop(shelfFound, row.Key.String()), n.forget(tx, &row)); err != nil {
					return err
				}
				n.Rows, n.Bytes = n.Rows-1, n.Bytes-len(row.Body)
			}
		}
		return storage.Save(tx, shelfCentre, foundCount, n)
	})
}

// whole puts the lines of a document with it, as they cannot come after it once it is
// settled, and a move with the store that it switched. Rows are in the order in which
// records need each other.
func (c *Centre) whole(rows []Found) (out [][]Found) {
	place := map[atoll.Key]int{}
	for _, row := range rows {
		at := len(out)
		fields, _ := atoll.ParseFields(row.Body) // what is no record is refused as such
		step := topology.Step(fields.Text("step"))
		switched := row.Type == moveKind && (step == topology.Backfill || step == topology.Moved)
		for _, ref := range c.Door.Judge.Catalogue.References(row.Type, fields) {
			if i, is := place[atoll.Key{Type: ref.To, ID: ref.ID}]; is && (ref.Parent || switched) {
				at = i
			}
		}
		if place[row.Key] = at; at == len(out) {
			out = append(out, nil)
		}
		out[at] = append(out[at], row)
	}
	return out
}

// takeBack takes rows back in one edit.
func (c *Centre) takeBack(tx storage.Tx, actor, reason string, rows []Found, named bool) error {
	var do []journal.Proposal
	anew := handover.Desk{R: tx, Catalogue: c.Door.Judge.Catalogue, Now: c.Now()}
	for _, row := range rows {
		p, needed, err := proposalOf(tx, row, named)
		if err != nil {
			return err
		}
		if !needed {
			continue
		}
		if p.Verb == atoll.Insert {
			n, sequence, err := documents.Desk{R: tx, Now: c.Now()}.NumberAgain(p.Key.Type, p.Fields)
			if err != nil {
				return err
			}
			if n > 0 {
				p.Fields.Set("number", n)
				do = append(do, sequence)
			}
		}
		if err := anew.Anew(p.Key.Type, p.Fields); err != nil {
			return err
		}
		do = append(do, p)
	}
	if len(do) == 0 {
		return nil
	}
	_, err := c.Door.Write(tx, journal.Edit{Actor: actor, Cause: atoll.Cause{Kind: "restored", Ref: "lost entry " + rows[0].Origin.String() + ": " + clip(reason)}, Do: do})
	return err
}

// proposalOf is the change that takes the row back; none is needed if it is back.
func proposalOf(r storage.Reader, row Found, named bool) (p journal.Proposal, needed bool, err error) {
	fields, err := atoll.ParseFields(row.Body)
	if err != nil {
		return p, false, err
	}
	p = journal.Proposal{Verb: atoll.Insert, Key: row.Key, Fields: fields}
	now, there, err := viewOf(r).Record(row.Key)
	switch {
	case err != nil:
		return p, false, err
	case there && now.Deleted == row.Deleted && bytes.Equal(now.Body, row.Body):
		return p, false, nil // made again already, perhaps along with another
	case there && now.Version >= row.Version && !named:
		return p, false, atoll.Errorf(atoll.Conflict, "it was changed here since, to version %d; the lost one was %d", now.Version, row.Version).
			About(row.Key).Do("name it to take it back all the same, or leave it")
	case row.Deleted && (!there || now.Deleted):
		return p, false, nil
	case row.Deleted:
		p.Verb, p.Fields = atoll.Delete, nil
	case there:
		p.Verb = atoll.Update
		for name := range now.MustFields() {
			if !fields.Has(name) {
				p.Fields.Set(name, nil) // it was cleared
			}
		}
	}
	return p, true, nil
}

// clip fits a reason into an entry's cause.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most]
}
