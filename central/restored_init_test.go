package central_test

import (
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// The centre is restored to before a site's last initialisation: it remembers a
// database that is no more, and lacks entries that the site no longer has either.
// The site's present database is taken for the site; what the lost entries made
// is stated again from its records; their numbers are never used again; work that
// it made afterwards, sent or not, arrives as it was made.
//
// R-H-12, R-H-13, R-H-27, R-H-28, R-A-09, R-K-59, R-K-60.
func TestCentreRestoredToBeforeInitialisation(t *testing.T) {
	for _, c := range []struct {
		name                   string
		before, between, after int // invoices made before the backup, before initialising, and after it
		hot                    bool
	}{
		{"nothing lost", 1, 0, 0, false},
		{"nothing lost, run known", 1, 0, 1, true},
		{"lost work the site still has", 1, 0, 3, false},
		{"lost entries nobody has", 1, 3, 0, false},
		{"both", 1, 3, 3, false},
		{"both, run known", 1, 3, 3, true},
		{"its first work was lost", 0, 2, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			var made []atoll.ID
			work := func(n int) {
				for range n {
					made = append(made, r.invoice(2, "B"))
				}
				if n > 0 { // and changes of what was there
					r.update(2, "invoice", made[0], atoll.Fields{}.Set("comment", made[len(made)-1]))
				}
				r.peace()
			}
			work(c.before)
			var old string
			if c.hot {
				old = r.hotBackup(1)
			} else {
				old = r.backup(1)
			}
			work(c.between)
			stale := r.backup(2)
			r.empty(2)
			r.peace()
			work(c.after)
			head := hostile{r, 2}.last().Seq
			for range 2 { // not sent yet
				made = append(made, r.invoice(2, "B"))
			}
			want := r.rows(2)
			if c.hot {
				r.putBackHot(1, old)
			} else {
				r.putBack(1, old)
			}
			r.sync(3)
			r.peace()
			if n := len(r.refusals(true)); n != 0 {
				t.Errorf("%d entries were refused: %s", n, r.refusals(true)[0].Message)
			}
			for _, id := range made {
				key := "invoice/" + string(id)
				if got := r.rows(2)[key]; got != want[key] {
					t.Errorf("site 2 had %s as %s, and has %s", key, want[key], got)
				}
				if got := r.rows(1)[key]; got != want[key] {
					t.Errorf("the centre has %s as %s, site 2 as %s", key, got, want[key])
				}
			}
			if now := (hostile{r, 2}).last().Seq; now < head+2 {
				t.Errorf("the journal ended at %d and %d were unsent; now it ends at %d", head, 2, now)
			}
			lost := r.state(2).Lost
			if (len(lost) > 0) != (c.between > 0) {
				t.Errorf("the centre says that it lost %v", lost)
			}
			r.invoice(2, "B")
			r.peace()
			// The database of before, should somebody start it, is refused.
			r.putBack(2, stale)
			if _, err := r.Sync(t.Context(), 2); !errors.Is(err, atoll.Cloned) && !errors.Is(err, atoll.Restored) {
				t.Errorf("the site's earlier database was answered with %v", err)
			}
		})
	}
}

// The same while the site is still initialising: what it has received of its own
// is all there is.
//
// R-H-23, R-A-09.
func TestCentreRestoredInMidInitialisation(t *testing.T) {
	r := newRig(t)
	r.peace()
	old := r.backup(1)
	var made []atoll.ID
	for range 4 {
		made = append(made, r.invoice(2, "B"))
	}
	r.peace()
	head := hostile{r, 2}.last().Seq
	r.empty(2)
	r.sync(3)
	for _, r.lines[2].down = range []int{3, 1 << 20} {
		r.lines[2].until = made[3]
		if _, err := r.Sync(t.Context(), 2); err == nil {
			t.Fatal("the initialisation was over before the cut")
		}
	}
	r.putBack(1, old)
	r.peace()
	for i, id := range made[:3] {
		if _, ok := r.record(1, "invoice", id); !ok {
			t.Errorf("invoice %d, which the site had, is not at the centre", i)
		}
	}
	next := r.invoice(2, "B")
	r.peace()
	if rec, _ := r.record(1, "invoice", next); rec.Origin.Seq <= head {
		t.Errorf("number %d was given again; %d were given before", rec.Origin.Seq, head)
	}
}

// A site's database that was replaced is not let in because the runs it knew are
// forgotten, nor because it says that it has seen more.
//
// R-H-13, R-H-27.
func TestReplacedDatabaseStaysOut(t *testing.T) {
	r := newRig(t)
	r.invoice(2, "B")
	r.peace()
	stale := r.backup(2)
	r.empty(2)
	r.peace()
	for range 70 { // more runs than the centre remembers
		r.item(string(atoll.NewID(r.Clock.Now())))
		r.restart(1)
	}
	r.putBack(2, stale)
	if _, err := r.Sync(t.Context(), 2); !errors.Is(err, atoll.Cloned) {
		t.Errorf("it was answered with %v", err)
	}
}

// A site cannot have its journal go on at any place it likes.
//
// R-K-49, R-K-58.
func TestBaseIsBounded(t *testing.T) {
	r := newRig(t)
	r.invoice(2, "B")
	r.peace()
	h := hostile{r, 2}
	hello := h.hello()
	far := atoll.Head{Timeline: hello.Timeline, Seq: 1 << 40, Hash: atoll.Hash{1}}
	hello.Base, hello.Acknowledged, hello.Head = &far, far, far
	if _, _, err := h.say(hello); !errors.Is(err, atoll.WrongChain) {
		t.Errorf("answered with %v", err)
	}
	var head atoll.Head
	r.look(1, func(v storage.Reader) (err error) { head, err = v.Head(2); return err })
	if head.Seq != 1 {
		t.Errorf("the journal ends at %d", head.Seq)
	}
	hello = h.hello() // a base below what is known changes nothing
	base := atoll.Head{Timeline: hello.Timeline, Seq: 0}
	hello.Base = &base
	if _, _, err := h.say(hello); err != nil {
		t.Error(err)
	}
}
