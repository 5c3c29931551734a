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
	heard map[atoll.SiteID]uint64 // the highest of the lost numbers by which the site has a record
	came  map[atoll.SiteID]int    // its cycles that went well
	told  uint64                  // up to where sites have told
	sure  uint64                  // the same, before what is booked now
}

// cyclesToTell is how often a site synchronises until it surely has shown its voucher:
// it learns in one exchange that the centre was restored, and shows it in the next.
const cyclesToTell = 2

// forgave notes which of the numbers that a centre has forgotten, as it was put back to
// an image, each site knows.
func (w *World) forgave() {
	w.given = given{heard: map[atoll.SiteID]uint64{}, came: map[atoll.SiteID]int{}}
	end := w.end(w.Centre)
	for _, n := range w.Nodes()[1:] {
		if disk := w.disks.(memoryDisks)[n.Name]; disk != nil { //nolint:forcetypeassert // only these have images
			_ = onDisk(w.Ctx, disk, func(r storage.Reader) error {
				return every(r, func(rec atoll.Record) error {
					if at := rec.Origin; at.Site == atoll.CentreID && at.Seq > end && !rec.Hidden {
						w.given.heard[n.Identity.Site] = max(w.given.heard[n.Identity.Site], at.Seq)
					}
					return nil
				})
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

// cameBack counts a cycle that went well.
func (w *World) cameBack(site atoll.SiteID) {
	if w.given.heard[site] == 0 {
		return
	}
	if w.given.came[site]++; w.given.came[site] >= cyclesToTell {
		w.given.told = max(w.given.told, w.given.heard[site])
	}
}

// givenAgain holds an entry that the centre has just made to the numbers it knows to
// be lost. One without content only marks the place of a lost one.
func (w *World) givenAgain(je storage.JournalEntry) {
	if w.given.sure == 0 {
		return
	}
	w.Looked("chains", 1)
	if je.Seq > w.given.sure {
		return
	}
	if e, err := atoll.DecodeEntry(je.Content); err == nil && e.Withheld.IsZero() {
		w.Breach("chains", "the centre gives number %d of its journal again, which a site has told it is lost", je.Seq)
	}
}
