package exchange

import "github.com/atollsync/atoll"

// Memory is what the centre remembers of a site's database: which one it is, and
// its last exchange.
type Memory struct {
	Timeline atoll.Timeline
	Turn     uint64
	Nonce    string
}

// Recognise says whether the database that opens an exchange is the one the centre
// remembers, and what it remembers from then on. Older says that this centre is
// older than what the site has seen (Reading.Older). Taken is true when another
// database takes the site's place: one that initialises, or, at a centre that was
// restored to before that, one that did. One that was restored from a backup says of
// which timeline it was, and goes on if that is as new as the centre's memory. The
// error carries atoll.Cloned or atoll.Restored (R-H-13, R-H-27).
func (m Memory) Recognise(h Hello, older bool) (next Memory, taken bool, err error) {
	if (h.Initialising || older) && h.Timeline != m.Timeline {
		m, taken = Memory{Timeline: h.Timeline}, true
	}
	switch {
	case h.Timeline != m.Timeline && !h.Descends(m.Timeline):
		return m, false, atoll.Errorf(atoll.Cloned, "another database has taken this site's place since").
			Do("if this is the right one, re-initialise it with: atoll init site --again")
	case h.Turn < m.Turn || (h.Turn == m.Turn && h.Nonce != m.Nonce):
		return m, taken, atoll.Errorf(atoll.Restored, "this database is older than the centre's record of it (exchange %d, the centre has seen %d): it was restored from a backup or copied",
			h.Turn, m.Turn).Do("its unsent work can be exported; then re-initialise with: atoll init site --again")
	}
	return Memory{Timeline: h.Timeline, Turn: h.Turn, Nonce: h.Nonce}, taken, nil
}

// Reading is from where on a site may read the feed of a centre, which may have
// been restored from a backup.
type Reading struct {
	// Lost says that the centre does not know the run the site last heard of: where
	// the site may read on is the site's to find out, from the runs.
	Lost bool
	// Back says that the site must go back to From: what lies above it was given a
	// second time. Own is the number of the last entry of the centre's own journal
	// that both know.
	Back bool
	From atoll.Position
	Own  uint64
	// Older says that the site has seen what the centre has not, which shows that the
	// centre was restored. (A run may have been forgotten instead, but not by one who
	// read on since.)
	Older bool
}

// Place compares where a site stands with the centre's runs, oldest first, and with
// the end of the centre's copy of the site's journal.
func Place(runs []Run, h Hello, known atoll.Head) Reading {
	reach := h.Cursor // of the normal flow, or of a lane that went further
	for _, b := range h.Backfills {
		reach = max(reach, b.Cursor)
	}
	r := Reading{Lost: h.Run != "", Older: h.Acknowledged.Seq > known.Seq}
	for i, run := range runs {
		if run.ID != h.Run {
			continue
		}
		r.Lost = false
		if i+1 < len(runs) && runs[i+1].Began < reach {
			r.Back, r.From, r.Own = true, runs[i+1].Began, runs[i+1].Own
		}
		break
	}
	remembered := len(runs) < MaxRuns || len(runs) > 0 && reach >= runs[0].Began
	r.Older = r.Older || r.Back || r.Lost && remembered
	return r
}

// OneJournal checks that the journal of the site that opens an exchange and the
// centre's copy of it, which ends at known, are one. At returns the hash of an entry
// of the copy. The error carries atoll.Restored, atoll.Cloned or atoll.Invalid.
func OneJournal(h Hello, known atoll.Head, at func(seq uint64) (atoll.Hash, error)) error {
	switch {
	case h.Acknowledged.Seq > h.Head.Seq:
		return atoll.Errorf(atoll.Invalid, "the acknowledged position %d is above the journal's end %d", h.Acknowledged.Seq, h.Head.Seq)
	case h.Initialising && h.Head.Seq == 0:
		return nil // a fresh database: it takes our memory of the journal as its base
	case h.Head.Seq < known.Seq:
		return atoll.Errorf(atoll.Restored, "the site's journal ends at %d, but the centre has %d entries of it: it was restored from a backup",
			h.Head.Seq, known.Seq).Do("its unsent work can be exported; then re-initialise with: atoll init site --again")
	case h.Acknowledged.Seq > known.Seq, h.Acknowledged.Seq == 0:
		return nil // we were restored, or it is the beginning
	}
	hash := known.Hash
	if h.Acknowledged.Seq < known.Seq {
		var err error
		if hash, err = at(h.Acknowledged.Seq); err != nil {
			return err
		}
	}
	if hash != h.Acknowledged.Hash {
		return atoll.Errorf(atoll.Cloned, "at position %d the site's journal differs from the centre's copy of it", h.Acknowledged.Seq).
			Do("two databases have worked as this site; export the unsent work of this one and re-initialise it")
	}
	return nil
}

// GoBack is from where a site sends its journal again to a centre that was restored
// and ends at known, which is below what the site was acknowledged. Base is where the
// site's own part of its journal begins, and at returns the hash of one of its
// entries. Gap says that the centre lacks entries which the site does not have either:
// it is told where the site's begin, goes on from there, and asks for the site's
// records. The error carries atoll.Cloned when what the centre has is another journal.
func GoBack(known, base atoll.Head, at func(seq uint64) (atoll.Hash, error)) (to atoll.Head, gap bool, err error) {
	if known.Seq < base.Seq {
		return base, true, nil
	}
	hash := known.Hash
	switch {
	case known.Seq > base.Seq:
		if hash, err = at(known.Seq); err != nil {
			return known, false, err
		}
	case known.Seq > 0:
		hash = base.Hash
	}
	if hash != known.Hash {
		return known, false, atoll.Errorf(atoll.Cloned, "the centre's copy of this site's journal differs at position %d", known.Seq).
			Do("two databases have worked as this site; export the unsent work and re-initialise")
	}
	return known, false, nil
}
