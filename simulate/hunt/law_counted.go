package hunt

import (
	"github.com/atollsync/atoll/site"
)

// tallied is what the cycles of one database came to, as its site was told.
type tallied struct{ taken int }

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
	t := w.counted[n.Name]
	t.taken += c.Applied + c.Quarantined
	w.counted[n.Name] = t
	f, err := w.factsOf(n)
	if err == nil && uint64(t.taken) > f.head && !w.forgetful {
		w.Breach("counted", "%s was told %d times that an entry was taken, and has %d: some were taken twice", n.Name, t.taken, f.head)
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
