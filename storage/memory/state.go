package memory

import (
	"strings"
	"sync"

	"github.com/tidwall/btree"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// state is a whole database at one moment. A committed one never changes; a
// transaction works on a copy of its own. Copying the struct is a snapshot: the
// tables are copied, node by node, when they are first written afterwards.
type state struct {
	records table[*row] // by type and id
	changed table[*row] // by position
	index   table[*indexed]
	counts  table[count]
	digests table[kept] // by audience

	heads   table[*chain] // by site
	journal table[*storage.JournalEntry]

	feed table[*line]

	staged table[*staged] // by lane and key
	lanes  table[*staged] // by lane, type, position and id

	refusals table[*storage.Refusal] // by id
	bySite   table[refused]          // by site and id
	open     table[refused]          // the same, those that are open
	byKey    table[refused]          // by record and id

	shelf table[*value]

	last atoll.Position // given to a change that still stands

	// made numbers savepoints and transactions as they begin. A table made since
	// floor belongs to nobody else and may be written.
	made, floor uint64
}

// row is one record. What a row holds never changes.
type row struct {
	record atoll.Record
	index  []field    // in the order of their names
	seal   digest.Row // of the record as it was put
}

type field struct{ name, value string }

// indexed says that a record has a value in an indexed field.
type indexed struct {
	typ          atoll.Type
	field, value string
	id           atoll.ID
}

// count is the number of records of a type that are neither deleted nor hidden.
type count struct {
	typ atoll.Type
	n   int
}

// kept is the digest of an audience.
type kept = storage.AudienceDigest

// chain is one site's journal without its entries.
type chain struct {
	site    atoll.SiteID
	head    atoll.Head
	base    atoll.Head
	entries int
}

type line struct {
	audience atoll.Audience
	storage.FeedLine
}

type staged struct {
	lane string
	storage.StagedItem
}

// refused leads to a refusal.
type refused struct {
	site atoll.SiteID
	key  atoll.Key
	id   int64
}

type value struct {
	bucket string
	storage.Item
}

// table is an ordered table.
type table[T any] struct {
	tree *btree.BTreeG[T]
	made uint64 // when this copy of it was made: see state
}

func newTable[T any](less func(a, b T) bool) table[T] {
	return table[T]{tree: btree.NewBTreeGOptions(less, btree.Options{Degree: 16, NoLocks: true})}
}

// empty is the state of a new database.
func empty() *state {
	return &state{
		records:  newTable(func(a, b *row) bool { return beforeKey(a.record.Key, b.record.Key) }),
		changed:  newTable(func(a, b *row) bool { return a.record.Position < b.record.Position }),
		index:    newTable(beforeIndexed),
		counts:   newTable(func(a, b count) bool { return a.typ < b.typ }),
		digests:  newTable(func(a, b kept) bool { return a.Audience < b.Audience }),
		heads:    newTable(func(a, b *chain) bool { return a.site < b.site }),
		journal:  newTable(beforeEntry),
		feed:     newTable(beforeLine),
		staged:   newTable(beforeStaged),
		lanes:    newTable(beforeInLane),
		refusals: newTable(func(a, b *storage.Refusal) bool { return a.ID < b.ID }),
		bySite:   newTable(beforeRefused),
		open:     newTable(beforeRefused),
		byKey:    newTable(beforeRefused),
		shelf:    newTable(beforeValue),
	}
}

// fork returns the same state with tables of its own. Who calls it holds the
// disk's lock.
func (s *state) fork() *state {
	out := *s
	out.records, out.changed = out.records.fork(), out.changed.fork()
	out.index, out.counts, out.digests = out.index.fork(), out.counts.fork(), out.digests.fork()
	out.heads, out.journal, out.feed = out.heads.fork(), out.journal.fork(), out.feed.fork()
	out.staged, out.lanes = out.staged.fork(), out.lanes.fork()
	out.refusals, out.bySite = out.refusals.fork(), out.bySite.fork()
	out.open, out.byKey, out.shelf = out.open.fork(), out.byKey.fork(), out.shelf.fork()
	return &out
}

func (t table[T]) fork() table[T] { return table[T]{tree: t.tree.Copy(), made: t.made} }

// mark makes every table one that others may hold: it is copied before it is
// written again.
func (s *state) mark() {
	s.made++
	s.floor = s.made
}

// writing returns the table's tree for writing. The lock is the disk's: copying
// leaves a mark on the original, which images are made of too.
func writing[T any](s *state, t *table[T], lock *sync.Mutex) *btree.BTreeG[T] {
	if t.made < s.floor {
		lock.Lock()
		t.tree = t.tree.Copy()
		lock.Unlock()
		t.made = s.made
	}
	return t.tree
}

func beforeKey(a, b atoll.Key) bool {
	if a.Type != b.Type {
		return a.Type < b.Type
	}
	return a.ID < b.ID
}

func beforeIndexed(a, b *indexed) bool {
	if a.typ != b.typ {
		return a.typ < b.typ
	}
	if a.field != b.field {
		return a.field < b.field
	}
	if c := strings.Compare(a.value, b.value); c != 0 {
		return c < 0
	}
	return a.id < b.id
}

func beforeEntry(a, b *storage.JournalEntry) bool {
	if a.Site != b.Site {
		return a.Site < b.Site
	}
	return a.Seq < b.Seq
}

func beforeLine(a, b *line) bool {
	if a.audience != b.audience {
		return a.audience < b.audience
	}
	if a.Position != b.Position {
		return a.Position < b.Position
	}
	return beforeKey(a.Key, b.Key)
}

func beforeStaged(a, b *staged) bool {
	if a.lane != b.lane {
		return a.lane < b.lane
	}
	return beforeKey(a.Key, b.Key)
}

func beforeInLane(a, b *staged) bool {
	if a.lane != b.lane {
		return a.lane < b.lane
	}
	if a.Key.Type != b.Key.Type {
		return a.Key.Type < b.Key.Type
	}
	if a.Position != b.Position {
		return a.Position < b.Position
	}
	return a.Key.ID < b.Key.ID
}

func beforeRefused(a, b refused) bool {
	if a.site != b.site {
		return a.site < b.site
	}
	if a.key != b.key {
		return beforeKey(a.key, b.key)
	}
	return a.id < b.id
}

func beforeValue(a, b *value) bool {
	if a.bucket != b.bucket {
		return a.bucket < b.bucket
	}
	return a.Key < b.Key
}
