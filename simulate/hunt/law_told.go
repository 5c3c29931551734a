package hunt

import (
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
)

// told: what each site says of itself is so, and what the centre says of each site.
// The facts are looked up in the databases of both ends.
func told(w *World) error {
	at, err := w.Centre.Centre.Sites(w.Ctx)
	if err != nil {
		return err
	}
	for _, n := range w.Nodes()[1:] {
		w.Looked("told", 1)
		f, err := w.factsOf(n)
		if err != nil {
			return err
		}
		st, err := n.Site.Status(w.Ctx)
		if err != nil {
			return err
		}
		if st.Waiting != f.lacking {
			w.Breach("told", "%s says that %d entries wait; the centre lacks %d", n.Name, st.Waiting, f.lacking)
		}
		if st.Refused != f.refused {
			w.Breach("told", "%s says that %d entries are refused; %d are", n.Name, st.Refused, f.refused)
		}
		if st.Unresolved != f.unresolved {
			w.Breach("told", "%s says that %d records cannot be taken; %d cannot", n.Name, st.Unresolved, f.unresolved)
		}
		if want := f.light(st); st.Light != want {
			w.Breach("told", "%s shows %s (%s); it should be %s", n.Name, st.Light, st.Words, want)
		}
		for _, s := range at {
			if s.ID == n.Identity.Site && (s.Quarantined != f.refused || s.Journal.Seq != f.head-f.lacking || s.State.Waiting != 0) {
				w.Breach("told", "the centre says of %s: journal at %d, %d refused, %d wait; they are %d, %d, 0", n.Name,
					s.Journal.Seq, s.Quarantined, s.State.Waiting, f.head-f.lacking, f.refused)
			}
		}
	}
	return nil
}

// facts are what a site's status is about.
type facts struct {
	head       uint64
	lacking    uint64 // entries that the centre does not have
	refused    int
	unresolved int
	ahead      time.Duration // its clock
	moving     bool          // a store of its own is on the move
}

func (w *World) factsOf(n *Node) (f facts, err error) {
	own := n.Identity.Site
	var head, copied atoll.Head
	err = n.Store.View(w.Ctx, func(r storage.Reader) error {
		if head, err = r.Head(own); err != nil {
			return err
		}
		staged, err := r.CountStaged()
		f.unresolved = staged[integrate.LaneWaiting]
		return err
	})
	if err != nil {
		return f, err
	}
	err = w.Centre.Store.View(w.Ctx, func(r storage.Reader) error {
		if copied, err = r.Head(own); err != nil {
			return err
		}
		refused, err := r.CountRefusals()
		f.refused = refused[own]
		return err
	})
	f.head = head.Seq
	if err == nil {
		f.lacking, err = w.lacking(n, head, copied)
	}
	f.ahead = n.Clock.Now().Sub(w.Centre.Clock.Now())
	t := w.Topology(n)
	for _, m := range t.Moves() {
		s, ok := t.Store(m.Store)
		f.moving = f.moving || ok && s.Site == own
	}
	return f, err
}

// lacking is how many entries of the site's journal the centre does not have: those
// behind the last that both have. Two histories of one site part there.
func (w *World) lacking(n *Node, head, copied atoll.Head) (uint64, error) {
	at := min(head.Seq, copied.Seq)
	err := n.Store.View(w.Ctx, func(here storage.Reader) error {
		base, err := here.Base(n.Identity.Site)
		if err != nil {
			return err
		}
		return w.Centre.Store.View(w.Ctx, func(there storage.Reader) error {
			for ; at > base.Seq; at-- {
				ours, err := here.Entry(n.Identity.Site, at)
				if err != nil {
					return err
				}
				theirs, err := there.Entry(n.Identity.Site, at)
				if err != nil || ours.Hash == theirs.Hash {
					return err
				}
			}
			return nil
		})
	})
	return head.Seq - at, err
}

// light is the light that these facts deserve, of a site that has just synchronised.
func (f facts) light(st site.Status) site.Light {
	if f.refused > 0 || f.unresolved > 0 || f.moving || st.NewKey || f.ahead.Abs() > 5*time.Minute {
		return site.Amber
	}
	return site.Green
}

// tells holds what a site tells of itself against what is so, after a cycle in the
// middle of the story: it never says that less waits than does, and never that a cycle
// went well which did not.
func (w *World) tells(n *Node, c site.Cycle) {
	w.Looked("told", 1)
	st, err := n.Site.Status(w.Ctx)
	if err != nil {
		return // its disk has failed
	}
	f, err := w.factsOf(n)
	if err != nil {
		return
	}
	if c.Code == "" {
		delete(w.uninformed, n.Identity.Site)
	}
	if st.Waiting < f.lacking && !w.uninformed[n.Identity.Site] {
		w.Breach("told", "%s says that %d entries wait; the centre lacks %d", n.Name, st.Waiting, f.lacking)
	}
	if c.Code == atoll.DiskFull {
		return // there was no room to note it; that the disk is full shows by itself
	}
	if st.LastCode != c.Code {
		w.Breach("told", "the last cycle of %s ended with %q; its status says %q", n.Name, c.Code, st.LastCode)
	}
	if c.Code == "" && (st.Light == site.Red || st.LastSuccess.Before(c.Started)) {
		w.Breach("told", "%s has just synchronised, and shows %s: %s", n.Name, st.Light, st.Words)
	}
}
