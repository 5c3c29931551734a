// Package storage is the contract between Atoll and its databases: what may be
// stored, and what a caller may rely on. It holds interfaces and values only.
//
// The engines are in the packages below it: storage/sqlite, and storage/memory
// for simulations. The suite that examines every engine is storage/storagetest:
// one test for each promise made here. Rules do not live in an engine: who may write a record, where it goes
// and what is valid is decided before storage is called.
//
// Times are kept to the millisecond and come back in UTC; the zero time stays
// zero.
package storage

import (
	"context"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
)

// Store is one database: a site's, or the centre's. All methods may be called
// from several goroutines, and several processes may open the same database.
type Store interface {
	// View runs fn on one consistent snapshot. What fn reads does not change while
	// it runs, whatever is committed meanwhile.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in the database's one writing transaction. If fn returns nil
	// everything it wrote is durable when Update returns: it survives a power cut.
	// If fn returns an error, or panics, or ctx ends, nothing it wrote remains, and
	// that error is returned unchanged. Updates run one after the other. fn must
	// not call View or Update.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for running transactions and closes the database. Afterwards
	// View and Update fail. Closing twice does nothing.
	Close() error
}

// Reader reads one snapshot.
type Reader interface {
	RecordReader
	DigestReader
	RowReader
	JournalReader
	FeedReader
	StageReader
	QuarantineReader
	ShelfReader
}

// Tx reads and writes in the writing transaction. It sees its own writes.
type Tx interface {
	Reader
	RecordWriter
	DigestWriter
	JournalWriter
	FeedWriter
	StageWriter
	QuarantineWriter
	ShelfWriter

	// Savepoint runs fn. If fn returns an error, what fn wrote is undone and the
	// error returned; what was written before stays. Savepoints may be nested.
	Savepoint(fn func() error) error
}

// RecordReader reads records.
type RecordReader interface {
	// Record returns the record, tombstones and hidden ones included. It fails with
	// atoll.NotFound when the database has never had it, or has forgotten it.
	Record(key atoll.Key) (atoll.Record, error)

	// Prefetch says which records are about to be read one by one, so that an engine
	// may read them together. What Record returns does not depend on it.
	Prefetch(keys []atoll.Key) error

	// Records returns the records that the query selects, in its order: rising by id,
	// unless it says otherwise.
	Records(q Query) ([]atoll.Record, error)

	// Changed returns up to limit records with a position above after, whatever
	// their type or state, in rising order of position: each record once, at its
	// latest change. A reader that goes on from the last position it got misses
	// nothing, whoever writes meanwhile (R-A-14).
	Changed(after atoll.Position, limit int) ([]atoll.Record, error)

	// CountRecords returns the number of records of each type that are neither
	// deleted nor hidden.
	CountRecords() (map[atoll.Type]int, error)

	// LastPosition returns the position of the newest change that was committed
	// (or written in this transaction); 0 in an empty database.
	LastPosition() (atoll.Position, error)
}

// Query selects records of one type.
type Query struct {
	Type atoll.Type
	// After continues a list: only records that come after this one in the order of
	// the query. Empty begins. With By it fails with atoll.NotFound when that record
	// has no such field, or none any more.
	After atoll.ID
	// By is an indexed field: only records that have it, in the order of its values,
	// byte by byte, and of their ids where those are the same. Empty: by id alone. It
	// is not asked for together with Begun; that fails with atoll.Invalid.
	By string
	// Falling turns the order round.
	Falling bool
	// Limit is the largest number of records returned; 0 means no limit.
	Limit int
	// Where holds values that indexed fields must have (see RecordWriter.Put).
	Where map[string]string
	// Begun holds beginnings of names: for each, the record must have an indexed
	// field whose name begins so, whatever its value.
	Begun []string
	// All includes deleted and hidden records.
	All bool
}

// NoPlace is the error of a query that goes on after a record which has no place in
// its order; NotBoth that of one which asks for an order among beginnings of names.
func NoPlace(q Query) error {
	return atoll.Errorf(atoll.NotFound, "the list cannot go on after this record: it is not in it any more").
		About(atoll.Key{Type: q.Type, ID: q.After}).Do("begin the list again")
}

// NotBoth is described at [NoPlace].
func NotBoth() error {
	return atoll.Errorf(atoll.Invalid, "records found by beginnings of names come in the order of their ids").On("by").Do("leave out the order")
}

// RecordWriter writes records. Only package journal calls it (rule 2): everyone
// else goes through its doors, so that a record and its log change together.
type RecordWriter interface {
	// Put stores the record in place of any with the same key, and returns the
	// position it was given: above every position given before, in this
	// transaction or any other, also when the record's earlier row had the highest
	// one or the transaction that had it was rolled back. The record's Position is
	// ignored. index holds the values of the indexed fields, replacing the
	// earlier ones.
	Put(r atoll.Record, index map[string]string) (atoll.Position, error)

	// Reindex sets the values of the indexed fields and nothing else: the record's
	// position and its seal stay. Nothing happens when the record is not there.
	Reindex(key atoll.Key, index map[string]string) error

	// Forget removes a record from the database without a trace: a replica that
	// this site shall no longer hold. Forgetting what is not there does nothing.
	Forget(key atoll.Key) error
}

// DigestReader reads what the engine keeps beside the records to prove that they
// are as they were put, and the same as in another database (R-H-44).
//
// With each record Put stores its seal, which is digest.Of the record; it never
// follows what happens to the row otherwise. For each audience the engine keeps
// the digest of the seals of all records that count under it (digest.Counted) and
// are not hidden, tombstones included; Put, Forget and Place move it in the same
// transaction.
type DigestReader interface {
	// Digest returns the digest kept for the audience; the zero Sum for one that no
	// record counts under.
	Digest(audience atoll.Audience) (digest.Sum, error)

	// Digests returns up to limit (0: all) digests that are not zero, of audiences
	// above after, in byte order.
	Digests(after atoll.Audience, limit int) ([]AudienceDigest, error)

	// Sealed returns the records that Changed returns, with their seals.
	Sealed(after atoll.Position, limit int) ([]Sealed, error)

	// Seal returns the seal of one record, or atoll.NotFound.
	Seal(key atoll.Key) (digest.Row, error)
}

// AudienceDigest is the digest of one audience.
type AudienceDigest struct {
	Audience atoll.Audience
	Sum      digest.Sum
}

// Sealed is a record as it is, and the seal of what was put.
type Sealed struct {
	Record atoll.Record
	Seal   digest.Row
}

// Whole reports whether the record is as it was put.
func (s Sealed) Whole() bool { return digest.Of(s.Record) == s.Seal }

// DigestWriter corrects them. Like RecordWriter it is for package journal.
type DigestWriter interface {
	// Place sets the audiences of a record and nothing else: its position and its
	// seal stay, the digests follow. Nothing happens when the record is not there.
	Place(key atoll.Key, audiences []atoll.Audience) error

	// Amend adds to the digest kept for the audience, after the rows were counted
	// and found to be others. (A difference may be added whatever was written since.)
	Amend(audience atoll.Audience, by digest.Sum) error

	// Recount makes CountRecords and the index agree with the rows, when rows were
	// lost or came in past Put. Otherwise it changes nothing. It reads them all.
	Recount() error
}

// JournalReader reads journals: this site's own, and, at the centre, the copies
// of all others.
type JournalReader interface {
	// Head returns the end of the site's journal; the zero Head when it is empty
	// and no base was set.
	Head(site atoll.SiteID) (atoll.Head, error)

	// Base returns where this database's part of the site's journal begins: what
	// SetBase set, or the zero Head when the journal is here from its beginning.
	Base(site atoll.SiteID) (atoll.Head, error)

	// Entries returns entries of the site's journal with a seq above after, in
	// rising order: as many as fit into limit entries and maxBytes of content, but
	// always one if there is one.
	Entries(site atoll.SiteID, after uint64, limit, maxBytes int) ([]JournalEntry, error)

	// Entry returns one entry, or atoll.NotFound.
	Entry(site atoll.SiteID, seq uint64) (JournalEntry, error)

	// Journals returns the head of every journal in the database.
	Journals() (map[atoll.SiteID]atoll.Head, error)
}

// JournalEntry is a journal entry as stored.
type JournalEntry struct {
	Site     atoll.SiteID
	Timeline atoll.Timeline
	Seq      uint64
	Hash     atoll.Hash // of this entry, over its content and the chain before it
	Received time.Time  // when this database stored it
	Content  []byte     // atoll.Entry.Encode, or what of it left its site
}

// JournalWriter appends to journals. What is in a journal cannot be changed or
// removed by any statement: the engine refuses it (R-K-59).
type JournalWriter interface {
	// Append adds an entry. Its Seq must be one above the head's; otherwise, and
	// when the hash is zero, it fails with atoll.WrongChain.
	Append(e JournalEntry) error

	// SetBase sets where the site's empty journal begins, so that the next entry
	// must have seq base.Seq+1. It fails with atoll.Exists when the journal has
	// entries. A re-initialised site goes on from the centre's memory of it.
	SetBase(site atoll.SiteID, base atoll.Head) error
}

// FeedReader reads the feed: at the centre, each record under every audience that
// must have it, at the position of its latest change there.
type FeedReader interface {
	// Feed returns up to limit lines of one audience with a position above after
	// and up to until (0: no upper bound), in rising order of position.
	Feed(audience atoll.Audience, after, until atoll.Position, limit int) ([]FeedLine, error)
}

// FeedLine is one record's place under one audience.
type FeedLine struct {
	Position atoll.Position
	Key      atoll.Key
	// Gone lines say that the record has left the audience; a reader without
	// another audience for it retracts it.
	Gone bool
	// Forced lines reach the reader even if it wrote the version itself: the true
	// state after a refusal.
	Forced bool
}

// FeedWriter writes the feed.
type FeedWriter interface {
	// List puts a line under the audience. Two lines of one audience never have
	// the same position and key.
	List(audience atoll.Audience, line FeedLine) error

	// Unlist removes the line of the key at the position; nothing happens when it
	// is not there.
	Unlist(audience atoll.Audience, at atoll.Position, key atoll.Key) error

	// NextPosition gives a position of its own to a line that no record change
	// made, under the same promise as RecordWriter.Put.
	NextPosition() (atoll.Position, error)
}

// StageReader reads what has arrived and is not yet integrated.
type StageReader interface {
	// Staged returns up to limit (0: all) items of a type that are staged in the lane
	// above the place after, in rising order of position and id.
	Staged(lane string, of atoll.Type, after StagedPlace, limit int) ([]StagedItem, error)

	// StagedTypes returns the types of what is staged in the lane, in byte order.
	StagedTypes(lane string) ([]atoll.Type, error)

	// CountStaged returns the number of items in each lane.
	CountStaged() (map[string]int, error)
}

// StagedItem is one received frame that waits for its checkpoint.
type StagedItem struct {
	Key      atoll.Key
	Position atoll.Position // at the centre
	Payload  []byte
	// Error and Attempts tell of an item that could not be integrated (R-A-17).
	Error    string
	Attempts int
}

// Outdates reports whether the item stands for another of its record that came
// before it: it is newer, or at the same position.
func (i StagedItem) Outdates(before StagedItem) bool {
	return i.Position >= before.Position
}

// StagedPlace is the place of an item among those of its type and lane.
type StagedPlace struct {
	Position atoll.Position
	ID       atoll.ID
}

// StageWriter stages.
type StageWriter interface {
	// Stage puts the item into the lane, in place of one with the same key:
	// staging twice is staging once.
	Stage(lane string, item StagedItem) error

	// Unstage removes the item of the key, or every item when key is the zero Key.
	Unstage(lane string, key atoll.Key) error

	// Outdate removes what the lane has of the item's record, if the item outdates it
	// ([StagedItem.Outdates]).
	Outdate(lane string, by StagedItem) error

	// Restage moves all items of a lane into another. Where both have the record, the
	// one that moves stays if it outdates the other.
	Restage(from, to string) error
}

// Refusal is one refused entry in quarantine (T-65): kept whole, with the reason,
// until a person or a correction settles it.
type Refusal struct {
	ID       int64 // given by the engine
	Site     atoll.SiteID
	Timeline atoll.Timeline
	Seq      uint64
	Code     atoll.Code   // why
	Layer    string       // which check refused: schema, reference, ownership, rule, chain
	Message  string       // in words
	Reason   atoll.Reason // the rule, for words in other languages; zero when none is named
	Subject  atoll.Key    // the record at fault
	Field    string
	Behind   int64 // the refusal it is held behind; 0 if it was refused itself
	Keys     []atoll.Key
	Content  []byte
	At       time.Time
	Attempts int
	// State is "open", "applied" (by a retry or on order), "skipped" or
	// "returned" (the site was sent the true record).
	State string
	// Settled, By and Note tell who settled it, when and why.
	Settled time.Time
	By      string
	Note    string
}

// The states of a refusal.
const (
	Open     = "open"
	Applied  = "applied"
	Skipped  = "skipped"
	Returned = "returned"
)

// QuarantineReader reads quarantine.
type QuarantineReader interface {
	// Refusal returns one refusal, or atoll.NotFound.
	Refusal(id int64) (Refusal, error)

	// Refusals returns refusals with an id above after, in rising order, up to
	// limit (0: all); of one site if site is not 0; open ones only if open.
	Refusals(site atoll.SiteID, open bool, after int64, limit int) ([]Refusal, error)

	// OpenRefusals returns the lowest id of an open refusal from the site for each
	// of the keys that has one.
	OpenRefusals(site atoll.SiteID, keys []atoll.Key) (map[atoll.Key]int64, error)

	// CountRefusals returns the number of open refusals of each site.
	CountRefusals() (map[atoll.SiteID]int, error)
}

// QuarantineWriter writes quarantine. Refusals are never removed.
type QuarantineWriter interface {
	// Refuse adds a refusal in state Open and returns its id.
	Refuse(r Refusal) (int64, error)

	// Settle replaces State, Settled, By, Note, Attempts, Code, Layer, Message,
	// Reason, Subject, Field and Behind of the refusal with r.ID.
	Settle(r Refusal) error
}

// ShelfReader reads the shelf: small values that belong to this database alone
// and are never synchronised, in named buckets (identity, cursors, users,
// sessions, sync log, jobs).
type ShelfReader interface {
	// Get returns the value, or atoll.NotFound.
	Get(bucket, key string) ([]byte, error)

	// Scan returns up to limit (0: all) values of the bucket with a key above
	// after, in byte order of their keys, or in falling order below after when
	// reverse (after "" then begins at the end).
	Scan(bucket, after string, limit int, reverse bool) ([]Item, error)

	// Walk calls fn with every value of the bucket, in byte order of their keys. It ends
	// at fn's first error, which it returns unchanged. Key and value are valid until fn
	// returns; fn must not read from the same snapshot or transaction.
	Walk(bucket string, fn func(key, value []byte) error) error
}

// Item is one value on the shelf.
type Item struct {
	Key   string
	Value []byte
}

// ShelfWriter writes the shelf.
type ShelfWriter interface {
	// Set stores the value under the key, in place of any before.
	Set(bucket, key string, value []byte) error

	// Drop removes the value; nothing happens when it is not there.
	Drop(bucket, key string) error
}
