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

// at returns the value as of a revision, if it is known that it has not changed since.
func (m remembered[V]) at(a atoll.Audience, revision int64) (value V, known bool) {
	r, known := m[a]
	return r.value, known && r.since <= revision
}

// end returns a position above which the audience has no line in a snapshot of the
// revision.
func (m *audiences) end(a atoll.Audience, revision int64) (atoll.Position, bool) {
	if m == nil {
		return 0, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	end, known := m.ends.at(a, revision)
	return end, known && revision <= m.revision
}

func (m *audiences) digest(a atoll.Audience, revision int64) (digest.Sum, bool) {
	if m == nil {
		return digest.Sum{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	sum, known := m.digests.at(a, revision)
	return sum, known && revision <= m.revision
}

// readEnd and readDigest note what was read from a snapshot, if it is the newest.
func (m *audiences) readEnd(a atoll.Audience, end atoll.Position, revision int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision == m.revision {
		m.ends.note(a, end, revision)
	}
}

func (m *audiences) readDigest(a atoll.Audience, sum digest.Sum, revision int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision == m.revision {
		m.digests.note(a, sum, revision)
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
