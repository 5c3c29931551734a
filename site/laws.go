package site

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// Check holds the places that this site has reached in both logs against the logs.
func (s *Site) Check(r storage.Reader) (verify.Law, error) {
	law := verify.Law{Name: "cursors", Words: "what this site has reached in both logs is there"}
	l, err := loadLink(r)
	if err != nil {
		return law, err
	}
	head, err := r.Head(s.Door.Site)
	if err != nil {
		return law, err
	}
	base, err := r.Base(s.Door.Site)
	if err != nil {
		return law, err
	}
	law.Looked = 3 + len(l.Covered) + len(l.Backfills)
	if l.Applied > l.Cursor {
		law.Fault("records are taken in up to %d, but were received up to %d only", l.Applied, l.Cursor)
	}
	switch at := l.Acknowledged; {
	case at.Seq > head.Seq:
		law.Fault("head office has %d entries of the journal here, which ends at %d", at.Seq, head.Seq)
	case at.Seq > base.Seq:
		e, err := r.Entry(s.Door.Site, at.Seq)
		if err != nil || e.Hash != at.Hash {
			law.Fault("entry %d of the journal here is not the one that head office acknowledged", at.Seq)
		}
	}
	for i, b := range l.Backfills {
		if slices.Contains(l.Covered, b.Audience) {
			law.Fault("%s is read from its beginning, and covered already", b.Audience)
		}
		if slices.ContainsFunc(l.Backfills[:i], func(o exchange.Backfill) bool { return o.Audience == b.Audience }) {
			law.Fault("%s is read from its beginning twice", b.Audience)
		}
	}
	if !slices.IsSortedFunc(l.Covered, compareAudiences) {
		law.Fault("the audiences covered are not in order")
	}
	return law, nil
}

func compareAudiences(a, b atoll.Audience) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
