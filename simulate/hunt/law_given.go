package hunt

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// given is about the numbers of the centre's own entries. A centre that was put back to
// an old image has forgotten some, and sites have records by them. When one of those
// sites has come, the centre knows, and gives none of these numbers again (decision
// 0016): two versions of a record would have one origin.
type given struct {
	last  uint64 // number that was ever given and lost
	knows map[atoll.SiteID]bool
	came  int  // cycles that went well, of sites that know
	told  bool // before what is booked now
}

// cyclesToTell is how often a site synchronises until it surely has shown its voucher:
// it learns in one exchange that the centre was restored, and shows it in the next.
const cyclesToTell = 2

// forgave notes which numbers a centre that was put back to an image has forgotten, and
// who knows them.
func (w *World) forgave() {
	w.given = given{knows: map[atoll.SiteID]bool{}}
	end := w.end(w.Centre)
	for b, entries := range w.account.books {
		if b.site == atoll.CentreID && len(entries) > 0 {
			w.given.last = max(w.given.last, entries[len(entries)-1].Seq)
		}
	}
	for _, n := range w.Nodes()[1:] {
		if disk := w.disks.(memoryDisks)[n.Name]; disk != nil { //nolint:forcetypeassert // only these have images
			_ = onDisk(w.Ctx, disk, func(r storage.Reader) error {
				known, err := heardSince(r, end)
				w.given.knows[n.Identity.Site] = known
				return err
			})
		}
	}
}

// end is the number of the last entry of the node's own journal.
func (w *World) end(n *Node) (seq uint64) {
	_ = n.Store.View(w.Ctx, func(r storage.Reader) error {
		head, err := r.Head(n.Identity.Site)
		seq = head.Seq
		return err
	})
	return seq
}

// heardSince reports whether there is a record by an entry of the centre's after this one.
func heardSince(r storage.Reader, after uint64) (bool, error) {
	for at := atoll.Position(0); ; {
		page, err := r.Changed(at, 1000)
		if err != nil || len(page) == 0 {
			return false, err
		}
		for _, rec := range page {
			at = rec.Position
			if rec.Origin.Site == atoll.CentreID && rec.Origin.Seq > after && !rec.Hidden {
				return true, nil
			}
		}
	}
}

// cameBack counts a cycle that went well.
func (w *World) cameBack(site atoll.SiteID) {
	if w.given.knows[site] {
		w.given.came++
	}
}

// givenAgain holds an entry that the centre has just made to the numbers it knows to
// be lost. One without content only marks the place of a lost one.
func (w *World) givenAgain(je storage.JournalEntry) {
	if !w.given.told {
		return
	}
	w.Looked("chains", 1)
	if je.Seq > w.given.last {
		return
	}
	if e, err := atoll.DecodeEntry(je.Content); err == nil && e.Withheld.IsZero() {
		w.Breach("chains", "the centre gives number %d of its journal again, which a site has told it is lost", je.Seq)
	}
}
