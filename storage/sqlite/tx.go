package sqlite

import (
	"maps"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// tx is the writing transaction. Since it is the only one, it keeps in memory
// what it would otherwise read and write again with every record: the last
// position, the counts of records and the heads of journals.
type tx struct {
	reader
	given *atoll.Position
	memory
	behind    behind
	audiences *audiences
	// listed are the audiences that anything was listed under, whether it stands or not,
	// with the position of the last line.
	listed map[atoll.Audience]atoll.Position
	// early says that digests were written before the end.
	early bool
}

// memory is what a savepoint must restore besides the tables.
type memory struct {
	last   atoll.Position              // given to a change that still stands
	moved  bool                        // last is not written yet
	counts map[atoll.Type]int          // not written yet: more (or fewer) live records
	heads  map[atoll.SiteID]atoll.Head // known heads of journals

	calm map[atoll.SiteID]bool // known to have no open refusal

	digests map[atoll.Audience]digest.Sum // not written yet: what was added, less what was removed
}

func (m memory) copy() memory {
	m.counts, m.heads, m.digests = maps.Clone(m.counts), maps.Clone(m.heads), maps.Clone(m.digests)
	m.calm = maps.Clone(m.calm)
	return m
}

var _ storage.Tx = (*tx)(nil)

const setLastPosition = `UPDATE last_position SET position = ?, revision = ? WHERE one = 1`

func (t *tx) load() error {
	t.settle = t.writeBehind
	t.counts, t.heads, t.digests = map[atoll.Type]int{}, map[atoll.SiteID]atoll.Head{}, map[atoll.Audience]digest.Sum{}
	t.calm = map[atoll.SiteID]bool{}
	if err := t.locate(); err != nil {
		return err
	}
	t.last = t.newest
	t.audiences.writing(t.revision)
	return nil
}

func (t *tx) commit() error {
	if err := t.ready(); err != nil {
		return err
	}
	if err := t.writeCounts(); err != nil {
		return err
	}
	sums, err := t.writeDigests()
	if err != nil {
		return err
	}
	if t.early {
		sums = nil // others were written, too
	}
	if t.moved || t.early || len(t.listed) > 0 || len(sums) > 0 {
		t.revision++
		if _, err := t.exec("note the last position", setLastPosition, int64(t.last), t.revision); err != nil {
			return err
		}
		t.audiences.committing(t.revision, t.listed, sums)
	}
	// The last look at ctx: a commit is not interrupted.
	if _, err := t.exec("commit", "COMMIT"); err != nil {
		t.audiences.forget()
		return err
	}
	t.open = false
	return nil
}

// Savepoint implements [storage.Tx].
func (t *tx) Savepoint(fn func() error) error {
	if err := t.ready(); err != nil {
		return err
	}
	// One name does for all: it means the innermost.
	if _, err := t.exec("set a savepoint", "SAVEPOINT s"); err != nil {
		return err
	}
	before := t.memory.copy()
	done := false
	defer func() {
		if !done {
			t.undo(before)
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if _, err := t.exec("release a savepoint", "RELEASE s"); err != nil {
		return err
	}
	done = true
	return nil
}

// undo goes back to the savepoint, whether ctx has ended or not. If it cannot,
// the transaction cannot go on.
func (t *tx) undo(before memory) {
	t.giveUp()
	t.memory = before
	t.recall.forget()
	for _, query := range []string{"ROLLBACK TO s", "RELEASE s"} {
		if err := t.plain(query); err != nil && t.err == nil {
			t.err = explain("go back to a savepoint", err)
		}
	}
}

// LastPosition implements [storage.RecordReader].
func (t *tx) LastPosition() (atoll.Position, error) { return t.last, t.ready() }

// NextPosition implements [storage.FeedWriter].
func (t *tx) NextPosition() (atoll.Position, error) {
	if err := t.ready(); err != nil {
		return 0, err
	}
	*t.given = max(*t.given, t.last) + 1
	t.last, t.moved = *t.given, true
	return t.last, nil
}
