package hunt

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
)

// tallied is what the cycles of one site came to, as its machines were told, since
// the centre had so many of its entries.
type tallied struct {
	from  uint64
	taken int
}

// counts holds one cycle to its sum, and all cycles of a site to its journal: an entry
// is applied or quarantined once, and known already from then on.
func (w *World) counts(n *Node, c site.Cycle) {
	w.Looked("counted", 1)
	if c.Offered != c.Applied+c.Duplicate+c.Quarantined {
		w.Breach("counted", "a cycle of %s: %d entries offered, %d applied, %d known already, %d quarantined",
			n.Name, c.Offered, c.Applied, c.Duplicate, c.Quarantined)
	}
	if c.Offered > c.Sent {
		w.Breach("counted", "a cycle of %s: %d entries sent, %d of them offered", n.Name, c.Sent, c.Offered)
	}
	own := n.Identity.Site
	t := w.counted[own]
	t.taken += c.Applied + c.Quarantined
	w.counted[own] = t
	var at uint64
	err := w.Centre.Store.View(w.Ctx, func(r storage.Reader) error {
		head, err := r.Head(own)
		at = head.Seq
		return err
	})
	if err == nil && uint64(t.taken) > at-t.from {
		w.Breach("counted", "%s was told %d times that an entry was taken, and the centre took %d: some were taken twice", n.Name, t.taken, at-t.from)
	}
}

// recount begins the counts of all sites anew: the centre has forgotten entries, and
// takes them again.
func (w *World) recount() {
	clear(w.counted)
	heads := map[atoll.SiteID]atoll.Head{}
	_ = w.Centre.Store.View(w.Ctx, func(r storage.Reader) (err error) {
		heads, err = r.Journals()
		return err
	})
	for site, head := range heads {
		w.counted[site] = tallied{from: head.Seq}
	}
}

// counted: the centre's own rows add up too.
func counted(w *World) error {
	const all = 1 << 20
	rows, err := w.Centre.Centre.SyncLog(w.Ctx, 0, all)
	for _, r := range rows {
		w.Looked("counted", 1)
		if r.Offered != r.Applied+r.Duplicate+r.Quarantined {
			w.Breach("counted", "at the centre, an exchange with site %d: %d entries offered, %d applied, %d known already, %d quarantined",
				r.Site, r.Offered, r.Applied, r.Duplicate, r.Quarantined)
		}
	}
	return err
}
