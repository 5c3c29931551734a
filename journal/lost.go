package journal

import (
	"crypto/sha256"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// MaxLost is how many entries Skip passes over at once.
const MaxLost = 100_000

// lostDigest stands for the digest of an entry that is lost.
var lostDigest = atoll.Hash(sha256.Sum256([]byte("atoll lost entry\n")))

// Skip goes on with a site's journal in this database at a later place: the
// entries up to it are lost here, and whoever made them cannot give them again.
// Their numbers are filled with entries without content, so that none is ever used
// for anything else. Where the chain is known at that place it is taken up there:
// such an entry holds the hash itself, which Verify knows. It fails with
// atoll.WrongChain for more than MaxLost entries.
func (d *Door) Skip(tx storage.Tx, site atoll.SiteID, to atoll.Head) error {
	head, err := tx.Head(site)
	if err != nil {
		return err
	}
	if to.Seq > head.Seq+MaxLost {
		return atoll.Errorf(atoll.WrongChain, "entries %d to %d of site %d are lost: more than %d", head.Seq+1, to.Seq, site, MaxLost).
			Do("restore a later backup; or initialise the site again")
	}
	timeline := to.Timeline
	if timeline == "" {
		timeline = head.Timeline
	}
	for head.Seq < to.Seq {
		e := storage.JournalEntry{Site: site, Timeline: timeline, Seq: head.Seq + 1, Received: d.Now()}
		if e.Seq == to.Seq && !to.Hash.IsZero() {
			e.Hash = to.Hash
			e.Content = (&atoll.Entry{Withheld: to.Hash}).Encode()
		} else {
			e.Hash = atoll.Chain(head.Hash, site, timeline, e.Seq, lostDigest)
			e.Content = (&atoll.Entry{Withheld: lostDigest}).Encode()
		}
		if err := tx.Append(e); err != nil {
			return err
		}
		head = atoll.Head{Timeline: timeline, Seq: e.Seq, Hash: e.Hash}
	}
	return nil
}

// renewedDigest stands for the digest of the entry with which a journal goes on after
// its database was restored.
var renewedDigest = atoll.Hash(sha256.Sum256([]byte("atoll restored database\n")))

// Renew goes on with this database's own journal under a new timeline: the database
// was restored from a backup, and what it writes from here on is not what the one
// before wrote (R-H-13). An entry without content marks the place, if there are
// entries before it. It returns where the earlier timeline ended.
func (d *Door) Renew(tx storage.Tx) (atoll.Head, error) {
	before, err := tx.Head(d.Site)
	if err != nil || before.Timeline == "" {
		return before, err // it has no history yet
	}
	base, err := tx.Base(d.Site)
	if err != nil {
		return before, err
	}
	if base.Seq == before.Seq {
		return before, tx.SetBase(d.Site, atoll.Head{Timeline: atoll.NewTimeline(), Seq: base.Seq, Hash: base.Hash})
	}
	e := storage.JournalEntry{
		Site: d.Site, Timeline: atoll.NewTimeline(), Seq: before.Seq + 1, Received: d.Now(),
		Content: (&atoll.Entry{Withheld: renewedDigest}).Encode(),
	}
	e.Hash = atoll.Chain(before.Hash, e.Site, e.Timeline, e.Seq, atoll.Digest(e.Content))
	return before, tx.Append(e)
}

// takenUp reports whether the entry stands for lost ones, and the chain is taken
// up again at it. No entry that was made can look like this.
func takenUp(e storage.JournalEntry) bool { return atoll.Digest(e.Content) == e.Hash }
