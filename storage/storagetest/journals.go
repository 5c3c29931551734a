package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var journalTests = []test{
	{"Append stores the whole entry", appendStores},
	{"Append refuses gaps", appendRefusesGaps},
	{"Append refuses an entry without a hash", appendRefusesNoHash},
	{"Nothing in the journal can be changed R-K-59", journalNeverChanges},
	{"Head is the end of the journal", headIsTheEnd},
	{"SetBase sets where an empty journal begins", setBase},
	{"Base is what SetBase set", baseIsKept},
	{"Entries fit into limit and bytes, but always one", entriesFit},
	{"Journals returns every head", journals},
}

func appendEntries(t *testing.T, s storage.Store, entries ...storage.JournalEntry) {
	t.Helper()
	update(t, s, func(tx storage.Tx) error {
		for _, e := range entries {
			if err := tx.Append(e); err != nil {
				return err
			}
		}
		return nil
	})
}

func appendStores(t *testing.T, b *bench) {
	want := entry(4, 1)
	want.Content = []byte("a line\nanother \x00\xff line")
	empty := entry(4, 2)
	empty.Content = []byte{}
	appendEntries(t, b, want, empty)
	b.reopen(t)
	got := read(t, b, func(r storage.Reader) (storage.JournalEntry, error) { return r.Entry(4, 1) })
	equal(t, "the entry", got, want)
	got = read(t, b, func(r storage.Reader) (storage.JournalEntry, error) { return r.Entry(4, 2) })
	if got.Seq != 2 || len(got.Content) != 0 {
		t.Errorf("the empty entry: got %+v", got)
	}
	for _, o := range []atoll.Origin{{Site: 4, Seq: 0}, {Site: 4, Seq: 3}, {Site: 5, Seq: 1}, {Site: 4, Seq: 1<<64 - 1}} {
		err := b.View(t.Context(), func(r storage.Reader) error { _, err := r.Entry(o.Site, o.Seq); return err })
		code(t, "entry "+o.String(), err, atoll.NotFound)
	}
}

func appendRefusesGaps(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		code(t, "0 in an empty journal", tx.Append(entry(1, 0)), atoll.WrongChain)
		code(t, "2 in an empty journal", tx.Append(entry(1, 2)), atoll.WrongChain)
		return errors.Join(tx.Append(entry(1, 1)), tx.Append(entry(1, 2)))
	})
	update(t, b, func(tx storage.Tx) error {
		for _, seq := range []int{0, 1, 2, 4, 5, -1} {
			code(t, fmt.Sprintf("%d after 2", seq), tx.Append(entry(1, seq)), atoll.WrongChain)
		}
		// A refusal changes nothing, and an undone entry does not count.
		if err := tx.Savepoint(func() error { return errors.Join(tx.Append(entry(1, 3)), errOurs) }); !errors.Is(err, errOurs) {
			return err
		}
		code(t, "4 after an undone 3", tx.Append(entry(1, 4)), atoll.WrongChain)
		return errors.Join(tx.Append(entry(1, 3)), tx.Append(entry(2, 1))) // each site counts for itself
	})
	if err := b.Update(t.Context(), func(tx storage.Tx) error { return errors.Join(tx.Append(entry(1, 4)), errOurs) }); !errors.Is(err, errOurs) {
		t.Fatal(err)
	}
	update(t, b, func(tx storage.Tx) error {
		code(t, "5 after a 4 that was rolled back", tx.Append(entry(1, 5)), atoll.WrongChain)
		return tx.Append(entry(1, 4))
	})
}

func appendRefusesNoHash(t *testing.T, b *bench) {
	e := entry(1, 1)
	e.Hash = atoll.Hash{}
	err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.Append(e) })
	code(t, "an entry without a hash", err, atoll.WrongChain)
}

func journalNeverChanges(t *testing.T, b *bench) {
	appendEntries(t, b, entry(1, 1), entry(1, 2))
	forged := entry(1, 1)
	forged.Content, forged.Hash = []byte("forged"), hash(99)
	for _, seq := range []uint64{1, 2} {
		forged.Seq = seq
		err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.Append(forged) })
		code(t, fmt.Sprintf("another entry %d", seq), err, atoll.WrongChain)
	}
	for _, seq := range []uint64{0, 1, 2, 7} {
		err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.SetBase(1, atoll.Head{Seq: seq, Hash: hash(9)}) })
		code(t, "another beginning", err, atoll.Exists)
	}
	b.reopen(t)
	got := read(t, b, func(r storage.Reader) ([]storage.JournalEntry, error) { return r.Entries(1, 0, 9, 1<<20) })
	equal(t, "the journal", got, []storage.JournalEntry{entry(1, 1), entry(1, 2)})
}

func headIsTheEnd(t *testing.T, b *bench) {
	head := func(site atoll.SiteID) atoll.Head {
		return read(t, b, func(r storage.Reader) (atoll.Head, error) { return r.Head(site) })
	}
	equal(t, "an empty journal", head(1), atoll.Head{})
	update(t, b, func(tx storage.Tx) error {
		for seq := 1; seq <= 12; seq++ { // past 10, where text would sort otherwise
			if err := tx.Append(entry(1, seq)); err != nil {
				return err
			}
			h, err := tx.Head(1)
			if err != nil {
				return err
			}
			equal(t, "in the transaction", h, atoll.Head{Timeline: timeline(1), Seq: uint64(seq), Hash: hash(seq)})
		}
		return nil
	})
	equal(t, "the head", head(1), atoll.Head{Timeline: timeline(1), Seq: 12, Hash: hash(12)})
	equal(t, "another site", head(2), atoll.Head{})
	later := entry(1, 13)
	later.Timeline = timeline(99) // restored and let go on
	appendEntries(t, b, later)
	equal(t, "on another timeline", head(1), atoll.Head{Timeline: timeline(99), Seq: 13, Hash: hash(13)})
}

func setBase(t *testing.T, b *bench) {
	base := atoll.Head{Timeline: timeline(8), Seq: 41, Hash: hash(41)}
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			tx.SetBase(1, atoll.Head{Timeline: timeline(7), Seq: 5, Hash: hash(5)}),
			tx.SetBase(1, base)) // the last one counts while the journal is empty
	})
	b.reopen(t)
	equal(t, "the head", read(t, b, func(r storage.Reader) (atoll.Head, error) { return r.Head(1) }), base)
	update(t, b, func(tx storage.Tx) error {
		for _, seq := range []int{1, 41, 43} {
			code(t, fmt.Sprintf("%d after base 41", seq), tx.Append(entry(1, seq)), atoll.WrongChain)
		}
		return tx.Append(entry(1, 42))
	})
	got := read(t, b, func(r storage.Reader) ([]storage.JournalEntry, error) { return r.Entries(1, 0, 9, 1<<20) })
	equal(t, "the entries", got, []storage.JournalEntry{entry(1, 42)})
	err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.SetBase(1, base) })
	code(t, "a base under entries", err, atoll.Exists)
}

func baseIsKept(t *testing.T, b *bench) {
	base := func(site atoll.SiteID) atoll.Head {
		return read(t, b, func(r storage.Reader) (atoll.Head, error) { return r.Base(site) })
	}
	want := atoll.Head{Timeline: timeline(8), Seq: 41, Hash: hash(41)}
	update(t, b, func(tx storage.Tx) error {
		err := errors.Join(tx.SetBase(1, want), tx.Append(entry(1, 42)), tx.Append(entry(2, 1)))
		got, err2 := tx.Base(1)
		equal(t, "in the transaction", got, want)
		return errors.Join(err, err2)
	})
	b.reopen(t)
	equal(t, "under entries", base(1), want)
	equal(t, "of a journal from its beginning", base(2), atoll.Head{})
	equal(t, "of none", base(3), atoll.Head{})
}

func entriesFit(t *testing.T, b *bench) {
	sizes := []int{100, 100, 1000, 10, 10}
	update(t, b, func(tx storage.Tx) error {
		for i, size := range sizes {
			e := entry(1, i+1)
			e.Content = make([]byte, size)
			if err := tx.Append(e); err != nil {
				return err
			}
		}
		return tx.Append(entry(2, 1))
	})
	for _, tt := range []struct {
		after           uint64
		limit, maxBytes int
		want            []uint64
	}{
		{0, 9, 1 << 20, []uint64{1, 2, 3, 4, 5}},
		{0, 2, 1 << 20, []uint64{1, 2}},
		{3, 2, 1 << 20, []uint64{4, 5}},
		{0, 9, 200, []uint64{1, 2}},
		{0, 9, 199, []uint64{1}},
		{0, 9, 1, []uint64{1}},
		{2, 9, 50, []uint64{3}},
		{3, 9, 20, []uint64{4, 5}},
		{5, 9, 1 << 20, nil},
		{99, 9, 1 << 20, nil},
		{1<<64 - 1, 9, 1 << 20, nil},
	} {
		var got []uint64
		for _, e := range read(t, b, func(r storage.Reader) ([]storage.JournalEntry, error) {
			return r.Entries(1, tt.after, tt.limit, tt.maxBytes)
		}) {
			got = append(got, e.Seq)
		}
		equal(t, fmt.Sprintf("after %d, limit %d, %d bytes", tt.after, tt.limit, tt.maxBytes), got, tt.want)
	}
}

func journals(t *testing.T, b *bench) {
	equal(t, "an empty database", read(t, b, storage.Reader.Journals), map[atoll.SiteID]atoll.Head{})
	appendEntries(t, b, entry(1, 1), entry(12, 1), entry(12, 2), entry(3, 1))
	base := atoll.Head{Timeline: timeline(5), Seq: 9, Hash: hash(9)}
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.SetBase(5, base), tx.SetBase(6, base), tx.Append(entry(6, 10)))
	})
	want := map[atoll.SiteID]atoll.Head{
		1:  {Timeline: timeline(1), Seq: 1, Hash: hash(1)},
		3:  {Timeline: timeline(3), Seq: 1, Hash: hash(1)},
		5:  base,
		6:  {Timeline: timeline(6), Seq: 10, Hash: hash(10)},
		12: {Timeline: timeline(12), Seq: 2, Hash: hash(2)},
	}
	equal(t, "journals", read(t, b, storage.Reader.Journals), want)
}
