package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var feedTests = []test{
	{"Feed returns one audience's lines in a range", feedRange},
	{"List keeps one line for each position and key", listOnce},
	{"Unlist removes that line only", unlist},
	{"Feed pages miss nothing while lines move R-A-14", feedPages},
}

func line(position, n int) storage.FeedLine {
	return storage.FeedLine{Position: atoll.Position(position), Key: key("item", n)}
}

func feed(t *testing.T, s storage.Store, a atoll.Audience, after, until atoll.Position, limit int) []storage.FeedLine {
	t.Helper()
	return read(t, s, func(r storage.Reader) ([]storage.FeedLine, error) { return r.Feed(a, after, until, limit) })
}

func feedRange(t *testing.T, b *bench) {
	gone, forced := line(4, 4), line(9, 9)
	gone.Gone, forced.Forced = true, true
	update(t, b, func(tx storage.Tx) error {
		for _, l := range []storage.FeedLine{line(12, 12), line(2, 2), forced, gone} {
			if err := tx.List("store/a", l); err != nil {
				return err
			}
		}
		return errors.Join(tx.List("store/b", line(3, 3)), tx.List("store/", line(4, 4)))
	})
	for _, tt := range []struct {
		after, until atoll.Position
		limit        int
		want         []storage.FeedLine
	}{
		{0, 0, 99, []storage.FeedLine{line(2, 2), gone, forced, line(12, 12)}},
		{0, 0, 2, []storage.FeedLine{line(2, 2), gone}},
		{2, 0, 2, []storage.FeedLine{gone, forced}},
		{2, 9, 99, []storage.FeedLine{gone, forced}},
		{2, 8, 99, []storage.FeedLine{gone}},
		{4, 8, 99, nil},
		{12, 0, 99, nil},
		{9, 4, 99, nil},
	} {
		equal(t, fmt.Sprintf("after %d until %d limit %d", tt.after, tt.until, tt.limit), feed(t, b, "store/a", tt.after, tt.until, tt.limit), tt.want)
	}
	equal(t, "another audience", feed(t, b, "store/b", 0, 0, 9), []storage.FeedLine{line(3, 3)})
	equal(t, "an empty one", feed(t, b, "store/c", 0, 0, 9), []storage.FeedLine(nil))
}

func listOnce(t *testing.T, b *bench) {
	gone := line(2, 2)
	gone.Gone = true
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			tx.List("all", line(2, 2)), tx.List("all", gone), tx.List("all", line(2, 3)),
			tx.List("all", line(3, 2)), tx.List("dispensary", line(2, 2)))
	})
	equal(t, "the feed", feed(t, b, "all", 0, 0, 9), []storage.FeedLine{gone, line(2, 3), line(3, 2)})
	equal(t, "the other", feed(t, b, "dispensary", 0, 0, 9), []storage.FeedLine{line(2, 2)})
}

func unlist(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			tx.List("all", line(2, 1)), tx.List("all", line(2, 2)), tx.List("all", line(3, 1)), tx.List("dispensary", line(2, 1)))
	})
	for range 2 { // the second time it is not there
		update(t, b, func(tx storage.Tx) error {
			return errors.Join(tx.Unlist("all", 2, key("item", 1)), tx.Unlist("all", 9, key("item", 2)), tx.Unlist("none", 2, key("item", 2)))
		})
		equal(t, "the feed", feed(t, b, "all", 0, 0, 9), []storage.FeedLine{line(2, 2), line(3, 1)})
		equal(t, "the other", feed(t, b, "dispensary", 0, 0, 9), []storage.FeedLine{line(2, 1)})
	}
}

func feedPages(t *testing.T, b *bench) {
	places := map[int]atoll.Position{}
	move := func(ns ...int) { // what routing does: each record one line, at its latest change
		update(t, b, func(tx storage.Tx) error {
			for _, n := range ns {
				p, err := tx.NextPosition()
				if err != nil {
					return err
				}
				if err := errors.Join(
					tx.Unlist("all", places[n], key("item", n)),
					tx.List("all", storage.FeedLine{Position: p, Key: key("item", n)})); err != nil {
					return err
				}
				places[n] = p
			}
			return nil
		})
	}
	move(1, 2, 3, 4, 5, 6, 7)
	seen := map[atoll.Key]atoll.Position{}
	var cursor atoll.Position
	for round := 0; ; round++ {
		page := feed(t, b, "all", cursor, 0, 2)
		for _, l := range page {
			seen[l.Key], cursor = l.Position, l.Position
		}
		if len(page) == 0 {
			break
		}
		if round > 100 {
			t.Fatalf("nothing changes, and Feed after %d still returns %d lines", cursor, len(page))
		}
		if round < 6 {
			move(1+round, 7-round, 8+round)
		}
	}
	for n, p := range places {
		equal(t, key("item", n).String(), seen[key("item", n)], p)
	}
}
