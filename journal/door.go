// Package journal is the one door through which records change: a record and the
// journal entry that tells of it are written together, in one transaction, or
// not at all (R-A-13). At the centre the record's lines in the feed are written
// in the same breath.
//
// A change comes in in one of three ways, and no fourth: Write makes an edit here, Accept
// takes an entry that another site made (at once, or with Copy and Apply when it had to
// wait), Receive takes a record's state from the centre's feed. What else a Door does
// changes nobody's data: it states, lists, hides or lets go of copies, or writes a
// damaged row again as the journal tells it. Nothing else in the program calls storage's
// RecordWriter or JournalWriter; a test sees to that.
package journal

import (
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Door writes records and journal of one database. It may be used by several
// goroutines, each in its own transaction.
type Door struct {
	// Site is whose database it is.
	Site atoll.SiteID
	// Centre says that this is the central server: records are listed in the feed.
	Centre bool
	// Judge judges edits made here.
	Judge *admit.Judge
	// Companions complete an edit with what must happen in the same transaction,
	// such as the second half of a symmetric pair.
	Companions []Companion
	// Now is the clock that is recorded in entries.
	Now func() time.Time

	atlas atlas
}

// Companion returns further changes that belong to a proposed one, given the
// whole edit as it is so far. It is also asked about the changes it returned,
// until it returns none.
type Companion func(r storage.Reader, t *topology.Topology, edit []Proposal, p Proposal) ([]Proposal, error)

// Proposal is one wanted change of one record.
type Proposal struct {
	Verb atoll.Verb
	Key  atoll.Key
	// Fields are all fields for an insert; for an update the fields to change, null
	// to clear.
	Fields atoll.Fields
	// Expect is the version the caller saw; 0 does not check.
	Expect uint64
}

// Edit is one wanted transaction.
type Edit struct {
	Actor string
	Cause atoll.Cause
	Do    []Proposal
}

// Result tells what an edit did.
type Result struct {
	// Seq is the position of the entry in this site's journal; 0 when nothing
	// changed and no entry was written (R-K-44).
	Seq     uint64
	Changes []admit.Change
}

// The kinds of cause of what a site works out anew about itself, when it was initialised
// and when documents were sent back to it: like an import it tells what has happened
// already.
const (
	Initialised = "initialised"
	SentBack    = "sent back"
)

// View is a World over a storage snapshot or transaction.
type View struct{ storage.RecordReader }

// Record returns the record and whether there is one.
func (v View) Record(key atoll.Key) (atoll.Record, bool, error) {
	r, err := v.RecordReader.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Lines returns the records of the type whose indexed field names the id.
func (v View) Lines(t atoll.Type, field string, of atoll.ID) ([]atoll.Record, error) {
	return v.Records(storage.Query{Type: t, Where: map[string]string{field: string(of)}})
}
