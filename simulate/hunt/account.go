package hunt

import (
	"bytes"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// account is what the simulator itself remembers of all that was committed anywhere:
// a copy of each entry of each database's own journal, taken after the step in which it
// was made. A program acknowledges an edit to its user only when it is durable, so
// whatever was seen once must be there for good; and it must reach the centre, unless
// the story says why not.
type account struct {
	books   map[book][]storage.JournalEntry // in order, without gaps
	from    map[book]uint64                 // what a copied database had when it was copied; it is in the book of the other
	excused map[leaf]string                 // entries that the story lost on purpose, and how
}

// book is one database's own journal. A site has a second database when a machine
// works on with an old or a copied image of its disk, or with an empty one.
type book struct {
	site     atoll.SiteID
	database int
}

// leaf is one entry in a book.
type leaf struct {
	book
	seq uint64
}

func newAccount() *account {
	return &account{books: map[book][]storage.JournalEntry{}, from: map[book]uint64{}, excused: map[leaf]string{}}
}

// book notes what was committed in this step, at all nodes.
func (w *World) book() {
	for _, n := range append(w.Nodes(), w.copies()...) {
		if !w.Alive(n) {
			continue
		}
		if err := n.Store.View(w.Ctx, func(r storage.Reader) error { return w.bookOf(n, r) }); err != nil {
			w.Breach("sound", "%s cannot read its own journal: %v", n.Name, err)
		}
	}
	w.given.sure = w.given.told
}

func (w *World) bookOf(n *Node, r storage.Reader) error {
	own := n.Identity.Site
	head, err := r.Head(own)
	if err != nil || head.Seq == 0 {
		return err
	}
	key := book{own, w.database[n.Name]}
	known := w.account.books[key]
	after := uint64(0)
	if len(known) > 0 {
		last := known[len(known)-1]
		if head.Seq < last.Seq {
			w.Breach("kept", "%s has lost entries %d to %d of its own journal, which were acknowledged", n.Name, head.Seq+1, last.Seq)
			return nil
		}
		if head.Seq == last.Seq {
			if head.Hash != last.Hash {
				w.Breach("kept", "entry %d of %s is another than the one that was acknowledged", last.Seq, n.Name)
			}
			return nil
		}
		after = last.Seq
	} else if base, err := r.Base(own); err != nil {
		return err
	} else {
		after = max(base.Seq, w.account.from[key])
	}
	for after < head.Seq {
		page, err := r.Entries(own, after, 500, 8<<20)
		if err != nil {
			return err
		}
		for _, e := range page {
			after = e.Seq
			e.Content = bytes.Clone(e.Content)
			w.account.books[key] = append(w.account.books[key], e)
			if own == atoll.CentreID {
				w.givenAgain(e)
			}
			w.trace.add("entry", []byte(n.Name), e.Hash[:], e.Content)
		}
		if len(page) == 0 {
			break
		}
	}
	return nil
}
