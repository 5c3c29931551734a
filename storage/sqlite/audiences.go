package sqlite

import (
	"sync"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
)

// audiences remembers what every exchange asks of each audience that a site reads:
// where its feed ends, and its digest. A site reads some eight of them, in most of
// which nothing happens from one exchange to the next.
//
// The database counts the transactions that change either, in the row that every
// transaction reads first (last_position.revision). So a snapshot knows which of them
// it holds, and is never told of one that it does not hold, or that another process
// has made.
type audiences struct {
	mu       sync.Mutex
	revision int64 // of the database, with the transaction that is about to commit
	ends     remembered[atoll.Position]
	digests  remembered[digest.Sum]
}

// remembered are values as they stand since a revision.
type remembered[V any] map[atoll.Audience]struct {
	value V
	since int64
}

// mostAudiences bounds what is remembered, to some megabytes.
const mostAudiences = 1 << 17

func (m *remembered[V]) note(a atoll.Audience, value V, since int64) {
	if *m == nil || len(*m) >= mostAudiences {
		*m = remembered[V]{}
	}
	(*m)[a] = struct {
		value V
		since int64
	}{value, since}
}

// recalled returns a value in a snapshot of the revision, if it is known there.
func recalled[V any](m *audiences, of *remembered[V], a atoll.Audience, revision int64) (value V, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, known := (*of)[a]
	return r.value, known && r.since <= revision && revision <= m.revision
}

// noteRead notes a value that was read from a snapshot, if that is the newest.
func noteRead[V any](m *audiences, of *remembered[V], a atoll.Audience, value V, revision int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision == m.revision {
		of.note(a, value, revision)
	}
}

// end returns a position above which the audience has no line in a snapshot of the
// revision.
func (m *audiences) end(a atoll.Audience, revision int64) (end atoll.Position, known bool) {
	if m == nil {
		return 0, false
	}
	return recalled(m, &m.ends, a, revision)
}

func (m *audiences) digest(a atoll.Audience, revision int64) (sum digest.Sum, known bool) {
	if m == nil {
		return digest.Sum{}, false
	}
	return recalled(m, &m.digests, a, revision)
}

// readEnd and readDigest note what was read from a snapshot of the revision.
func (m *audiences) readEnd(a atoll.Audience, end atoll.Position, revision int64) {
	if m != nil {
		noteRead(m, &m.ends, a, end, revision)
	}
}

func (m *audiences) readDigest(a atoll.Audience, sum digest.Sum, revision int64) {
	if m != nil {
		noteRead(m, &m.digests, a, sum, revision)
	}
}

// writing is told the revision that a transaction begins with. If it is another than
// was left here, another process has written.
func (m *audiences) writing(revision int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision != m.revision {
		m.ends, m.digests, m.revision = nil, nil, revision
	}
}

// committing is told, before it can be seen, what a transaction changes: the audiences
// that it lists anything under, and its last line there, and digests. Sums is nil when it
// cannot say which.
func (m *audiences) committing(revision int64, listed map[atoll.Audience]atoll.Position, sums map[atoll.Audience]digest.Sum) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision = revision
	for a, end := range listed {
		if before, known := m.ends[a]; known { // otherwise the next who asks finds out
			m.ends.note(a, max(before.value, end), revision)
		}
	}
	if sums == nil {
		m.digests = nil
	}
	for a, sum := range sums {
		m.digests.note(a, sum, revision)
	}
}

// forget forgets everything: to give memory back, or because a transaction that was
// about to commit has failed. The next one that begins says what is true.
func (m *audiences) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ends, m.digests, m.revision = nil, nil, unknownRevision
}

// unknownRevision is below all revisions: no snapshot is believed.
const unknownRevision = -1
