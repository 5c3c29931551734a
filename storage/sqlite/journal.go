package sqlite

import (
	"database/sql"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

const (
	// Entries come before the base: their seqs are above it.
	getHead = `SELECT timeline, seq, hash FROM journal WHERE site = ? ORDER BY seq DESC LIMIT 1`
	getBase = `SELECT timeline, seq, hash FROM journal_base WHERE site = ?`
	setBase = `INSERT INTO journal_base (site, timeline, seq, hash) VALUES (?, ?, ?, ?)
		ON CONFLICT (site) DO UPDATE SET timeline = excluded.timeline, seq = excluded.seq, hash = excluded.hash`

	// One step in the index for each site, however many entries it has.
	getJournalSites = `WITH RECURSIVE s (site) AS (
			SELECT min(site) FROM journal
			UNION ALL
			SELECT (SELECT min(j.site) FROM journal j WHERE j.site > s.site) FROM s WHERE s.site IS NOT NULL
		)
		SELECT site FROM s WHERE site IS NOT NULL UNION SELECT site FROM journal_base ORDER BY site`

	getEntries = `SELECT seq, timeline, hash, received, content FROM journal
		WHERE site = ? AND seq > ? ORDER BY seq LIMIT ?`
	getEntry = `SELECT seq, timeline, hash, received, content FROM journal WHERE site = ? AND seq = ?`
)

// Head implements [storage.JournalReader].
func (r *reader) Head(site atoll.SiteID) (atoll.Head, error) {
	h, found, err := r.head(getHead, site)
	if err == nil && !found {
		h, _, err = r.head(getBase, site)
	}
	return h, err
}

func (r *reader) head(query string, site atoll.SiteID) (h atoll.Head, found bool, err error) {
	var timeline string
	var seq int64
	var hash []byte
	found, err = r.row("read the end of a journal", query, []any{int64(site)}, &timeline, &seq, &hash)
	if err != nil || !found {
		return atoll.Head{}, false, err
	}
	h = atoll.Head{Timeline: atoll.Timeline(timeline), Seq: uint64(seq)}
	copy(h.Hash[:], hash)
	return h, true, nil
}

// Base implements [storage.JournalReader].
func (r *reader) Base(site atoll.SiteID) (atoll.Head, error) {
	h, _, err := r.head(getBase, site)
	return h, err
}

// Entries implements [storage.JournalReader]. A limit or maxBytes of 0 is none.
func (r *reader) Entries(site atoll.SiteID, after uint64, limit, maxBytes int) ([]storage.JournalEntry, error) {
	if after > 1<<63-1 {
		return nil, r.ready()
	}
	var out []storage.JournalEntry
	size := 0
	err := r.each("read a journal", getEntries, []any{int64(site), int64(after), bound(limit)}, func(rows *sql.Rows) (bool, error) {
		e, err := scanEntry(rows, site)
		if err != nil {
			return false, err
		}
		if size += len(e.Content); maxBytes > 0 && size > maxBytes && len(out) > 0 {
			return false, nil
		}
		out = append(out, e)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Entry implements [storage.JournalReader].
func (r *reader) Entry(site atoll.SiteID, seq uint64) (e storage.JournalEntry, err error) {
	found := false
	if seq <= 1<<63-1 {
		err = r.each("read a journal", getEntry, []any{int64(site), int64(seq)}, func(rows *sql.Rows) (bool, error) {
			found = true
			e, err = scanEntry(rows, site)
			return false, err
		})
	}
	if err != nil {
		return storage.JournalEntry{}, err
	}
	if !found {
		return e, atoll.Errorf(atoll.NotFound, "the journal has no such entry here").About(atoll.Origin{Site: site, Seq: seq})
	}
	return e, nil
}

func scanEntry(rows *sql.Rows, site atoll.SiteID) (storage.JournalEntry, error) {
	var seq, received int64
	var timeline string
	var hash, content []byte
	err := rows.Scan(&seq, &timeline, &hash, &received, &content)
	e := storage.JournalEntry{
		Site: site, Timeline: atoll.Timeline(timeline), Seq: uint64(seq),
		Received: moment(received), Content: content,
	}
	copy(e.Hash[:], hash)
	return e, err
}

// Journals implements [storage.JournalReader].
func (r *reader) Journals() (map[atoll.SiteID]atoll.Head, error) {
	var sites []atoll.SiteID
	err := r.each("list the journals", getJournalSites, nil, func(rows *sql.Rows) (bool, error) {
		var site int64
		err := rows.Scan(&site)
		sites = append(sites, atoll.SiteID(site))
		return true, err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[atoll.SiteID]atoll.Head, len(sites))
	for _, site := range sites {
		if out[site], err = r.Head(site); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Head implements [storage.JournalReader].
func (t *tx) Head(site atoll.SiteID) (atoll.Head, error) {
	if h, ok := t.heads[site]; ok {
		return h, t.ready()
	}
	h, err := t.reader.Head(site)
	if err == nil {
		t.heads[site] = h
	}
	return h, err
}

// Append implements [storage.JournalWriter]. An entry without a time of receipt
// gets one.
func (t *tx) Append(e storage.JournalEntry) error {
	head, err := t.Head(e.Site)
	if err != nil {
		return err
	}
	if e.Seq != head.Seq+1 || e.Seq > 1<<63-1 {
		return atoll.Errorf(atoll.WrongChain, "entry %d does not follow entry %d", e.Seq, head.Seq).About("journal of site " + e.Site.String())
	}
	if e.Hash.IsZero() {
		return atoll.Errorf(atoll.WrongChain, "entry %d has no hash", e.Seq).About("journal of site " + e.Site.String())
	}
	if e.Received.IsZero() {
		e.Received = t.now()
	}
	err = t.later(toJournal,
		int64(e.Site), int64(e.Seq), string(e.Timeline), e.Hash[:], millis(e.Received), blob(e.Content))
	if err == nil {
		t.heads[e.Site] = atoll.Head{Timeline: e.Timeline, Seq: e.Seq, Hash: e.Hash}
	}
	return err
}

// SetBase implements [storage.JournalWriter].
func (t *tx) SetBase(site atoll.SiteID, base atoll.Head) error {
	_, found, err := t.head(getHead, site)
	if err != nil {
		return err
	}
	if found {
		return atoll.Errorf(atoll.Exists, "the journal has entries; its beginning cannot change").About("journal of site " + site.String())
	}
	if base.Seq > 1<<63-2 {
		return atoll.Errorf(atoll.Invalid, "a journal cannot begin at %d", base.Seq)
	}
	_, err = t.exec("set where a journal begins", setBase, int64(site), string(base.Timeline), int64(base.Seq), base.Hash[:])
	if err == nil {
		t.heads[site] = base
	}
	return err
}
