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

// takenUp reports whether the entry stands for lost ones, and the chain is taken
// up again at it. No entry that was made can look like this.
func takenUp(e storage.JournalEntry) bool { return atoll.Digest(e.Content) == e.Hash }
