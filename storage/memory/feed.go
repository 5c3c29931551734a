package memory

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Feed implements [storage.FeedReader]. A limit of 0 is none.
func (r *reader) Feed(audience atoll.Audience, after, until atoll.Position, limit int) ([]storage.FeedLine, error) {
	err := r.call()
	if err != nil || after+1 == 0 {
		return nil, err
	}
	var out []storage.FeedLine
	most := bound(limit)
	r.ask.line = line{audience: audience, FeedLine: storage.FeedLine{Position: after + 1}}
	r.state.feed.tree.Ascend(&r.ask.line, func(l *line) bool {
		if l.audience != audience || until != 0 && l.Position > until {
			return false
		}
		out = append(out, l.FeedLine)
		err = r.tired(len(out))
		return err == nil && len(out) < most
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// List implements [storage.FeedWriter]. The same line again takes the place of
// the first.
func (t *tx) List(audience atoll.Audience, l storage.FeedLine) error {
	if err := t.call(); err != nil {
		return err
	}
	write(t, &t.state.feed).Set(&line{audience, l})
	return nil
}

// Unlist implements [storage.FeedWriter].
func (t *tx) Unlist(audience atoll.Audience, at atoll.Position, key atoll.Key) error {
	if err := t.call(); err != nil {
		return err
	}
	t.ask.line = line{audience: audience, FeedLine: storage.FeedLine{Position: at, Key: key}}
	if _, ok := t.state.feed.tree.Get(&t.ask.line); ok {
		write(t, &t.state.feed).Delete(&t.ask.line)
	}
	return nil
}
