package site

import (
	"strconv"
	"time"

	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// agreement is how this site's records compare with what the centre has for it,
// as of the last checkpoint at which both could be compared: no change of ours on
// its way, and everything of the centre's here (R-H-44).
type agreement struct {
	Ours   string    `json:"ours,omitempty"`
	Theirs string    `json:"theirs,omitempty"`
	At     time.Time `json:"at,omitzero"`
	// Between is what the digests differ by although every record was found to be the
	// same on both ends: such as documents that the site was spared.
	Between uint64 `json:"between,omitempty"`
	// Looked are the digests whose difference was looked into last, and since when no
	// comparison has found both ends the same.
	Looked   string    `json:"looked,omitempty"`
	LookedAt time.Time `json:"looked_at,omitzero"`
	Since    time.Time `json:"since,omitzero"`
}

// as is the agreement with what comparing notes as in another one.
func (a agreement) as(o agreement) agreement {
	a.Looked, a.LookedAt, a.Between, a.Since = o.Looked, o.LookedAt, o.Between, o.Since
	return a
}

// differs reports whether the digests show a difference that is not explained.
func (a agreement) differs() bool { return a.Theirs != "" && a.gap() != a.Between }

// gap is by how much the digests differ.
func (a agreement) gap() uint64 {
	ours, _ := strconv.ParseUint(a.Ours, 16, 64)
	theirs, _ := strconv.ParseUint(a.Theirs, 16, 64)
	return theirs - ours
}

// agree compares at a checkpoint, in the transaction that reached it.
func (r *round) agree(tx storage.Tx, l *link, c exchange.Checkpoint) error {
	if c.Digest == "" || l.State != Ready {
		return nil
	}
	head, err := tx.Head(r.site.Door.Site)
	if err != nil || head.Seq != l.Acknowledged.Seq {
		return err
	}
	held, err := journal.Held(tx, l.Covered)
	if err != nil {
		return err
	}
	l.Agreement.Ours, l.Agreement.Theirs, l.Agreement.At = held.Short(), c.Digest, r.site.Now()
	switch {
	case !l.Agreement.differs():
		// What a comparison found, and left, went by itself: neither end is to tell of it
		// for ever. Only comparing shows that nothing else is left.
		if l.Differing > 0 && !l.Agreement.Since.IsZero() && l.Verify == "" {
			l.Verify = "verify"
		}
		l.Agreement.Since, l.Agreement.Looked = time.Time{}, ""
	case l.Agreement.Since.IsZero():
		l.Agreement.Since = r.site.Now()
	}
	return nil
}

// placed works out once what is compared, in a database that was made before.
func (s *Site) placed(tx storage.Tx, l *link) error {
	if l.Placed {
		return nil
	}
	l.Placed = true
	return s.Door.PlaceAll(tx)
}

// Agreement tells how this site's records compare with the centre's.
type Agreement struct {
	// At is when they were compared last; zero if never.
	At time.Time `json:"at,omitzero"`
	// Differs says that they are not the same, and Since from when.
	Differs bool      `json:"differs,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Records is how many there are to compare.
	Records int `json:"records"`
}

// Agreement returns how this site's records compared with the centre's at the
// last checkpoint where nothing was on its way.
func (s *Site) Agreement(r storage.Reader) (Agreement, error) {
	l, err := loadLink(r)
	if err != nil {
		return Agreement{}, err
	}
	held, err := journal.Held(r, l.Covered)
	return Agreement{l.Agreement.At, l.Agreement.differs(), l.Agreement.Since, held.Count}, err
}
