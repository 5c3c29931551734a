package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var quarantineTests = []test{
	{"Refuse keeps the refusal whole", refuseKeeps},
	{"Settle replaces the verdict and nothing else", settle},
	{"Refusals selects by site and state and pages", refusals},
	{"OpenRefusals finds the refusals of keys", openRefusals},
	{"CountRefusals counts open ones", countRefusals},
}

func refusal(site, n int, keys ...atoll.Key) storage.Refusal {
	return storage.Refusal{
		Site: atoll.SiteID(site), Timeline: timeline(site), Seq: uint64(n), Code: atoll.Reference, Layer: "reference",
		Message: "names an item that is not there", Reason: atoll.Reason{Name: "reference.store", Args: []any{"field", "item_id", "n", 3, "type", atoll.Type("item")}}, Subject: key("line", n), Field: "item_id",
		Keys: keys, Content: []byte{'e', 0, byte(n)}, At: at(n),
	}
}

// refuse adds refusals and returns them as they are stored.
func refuse(t *testing.T, s storage.Store, rs ...storage.Refusal) []storage.Refusal {
	t.Helper()
	update(t, s, func(tx storage.Tx) error {
		for i := range rs {
			id, err := tx.Refuse(rs[i])
			if err != nil {
				return err
			}
			rs[i].ID, rs[i].State = id, storage.Open
		}
		return nil
	})
	return rs
}

func getRefusal(t *testing.T, s storage.Store, id int64) storage.Refusal {
	t.Helper()
	return read(t, s, func(r storage.Reader) (storage.Refusal, error) { return r.Refusal(id) })
}

func refuseKeeps(t *testing.T, b *bench) {
	full := refusal(3, 1, key("line", 2), key("invoice", 1), key("line", 1)) // in the entry's order
	full.State, full.ID = storage.Skipped, 77                                // are the engine's to say
	full.Attempts, full.Behind = 2, 5
	got := refuse(t, b, full, refusal(3, 2), storage.Refusal{Site: 4, At: at(1), Content: []byte{}})
	if got[0].ID <= 0 || got[1].ID <= got[0].ID || got[2].ID <= got[1].ID {
		t.Errorf("ids %d, %d, %d do not rise", got[0].ID, got[1].ID, got[2].ID)
	}
	b.reopen(t)
	for _, want := range got[:2] {
		equal(t, fmt.Sprint(want.ID), getRefusal(t, b, want.ID), want)
	}
	for _, id := range []int64{0, -1, 1 << 40} {
		err := b.View(t.Context(), func(r storage.Reader) error { _, err := r.Refusal(id); return err })
		code(t, fmt.Sprint(id), err, atoll.NotFound)
	}
}

func settle(t *testing.T, b *bench) {
	rs := refuse(t, b, refusal(3, 1, key("line", 1)), refusal(3, 2, key("line", 1)))
	want := rs[0]
	want.State, want.Settled, want.By, want.Note = storage.Applied, at(500), "user/amina", "the item came later"
	want.Attempts, want.Code, want.Layer, want.Message = 3, atoll.HeldBehind, "held", "waits"
	want.Reason = atoll.Reason{Name: "elsewhere", Args: []any{"site", atoll.SiteID(4)}}
	want.Subject, want.Field, want.Behind = key("line", 9), "qty", rs[1].ID
	given := want
	given.Site, given.Timeline, given.Seq = 9, timeline(9), 99 // must not change
	given.Keys, given.Content, given.At = nil, []byte("forged"), at(9)
	update(t, b, func(tx storage.Tx) error { return tx.Settle(given) })
	b.reopen(t)
	equal(t, "the settled one", getRefusal(t, b, want.ID), want)
	equal(t, "the other", getRefusal(t, b, rs[1].ID), rs[1])
	given.ID = 1 << 40
	err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.Settle(given) })
	code(t, "one that is not there", err, atoll.NotFound)
	given.ID, given.State = rs[1].ID, "lost"
	if err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.Settle(given) }); err == nil {
		t.Error("a state that is none was stored")
	}
	want.Reason = atoll.Reason{}
	for _, state := range []string{storage.Open, storage.Applied, storage.Skipped, storage.Returned} {
		want.State = state
		update(t, b, func(tx storage.Tx) error { return tx.Settle(want) })
		equal(t, state, getRefusal(t, b, want.ID), want)
	}
}

func refusals(t *testing.T, b *bench) {
	rs := refuse(t, b, refusal(3, 1), refusal(4, 1), refusal(3, 2), refusal(3, 3), refusal(4, 2))
	settled := rs[2]
	settled.State = storage.Skipped
	update(t, b, func(tx storage.Tx) error { return tx.Settle(settled) })
	for _, tt := range []struct {
		site  atoll.SiteID
		open  bool
		after int64
		limit int
		want  []int
	}{
		{0, false, 0, 0, []int{0, 1, 2, 3, 4}},
		{0, true, 0, 0, []int{0, 1, 3, 4}},
		{3, false, 0, 0, []int{0, 2, 3}},
		{3, true, 0, 0, []int{0, 3}},
		{3, false, rs[0].ID, 1, []int{2}},
		{0, true, rs[1].ID, 2, []int{3, 4}},
		{0, false, rs[4].ID, 0, nil},
		{9, false, 0, 0, nil},
	} {
		var want, got []int64
		for _, i := range tt.want {
			want = append(want, rs[i].ID)
		}
		for _, r := range read(t, b, func(r storage.Reader) ([]storage.Refusal, error) {
			return r.Refusals(tt.site, tt.open, tt.after, tt.limit)
		}) {
			got = append(got, r.ID)
		}
		equal(t, fmt.Sprintf("site %d, open %t, after %d, limit %d", tt.site, tt.open, tt.after, tt.limit), got, want)
	}
}

func openRefusals(t *testing.T, b *bench) {
	a, c, d := key("line", 1), key("line", 2), key("line", 3)
	open := func(site atoll.SiteID, keys ...atoll.Key) map[atoll.Key]int64 {
		return read(t, b, func(r storage.Reader) (map[atoll.Key]int64, error) { return r.OpenRefusals(site, keys) })
	}
	equal(t, "an empty quarantine", open(3, a), map[atoll.Key]int64{})
	rs := refuse(t, b, refusal(4, 1, a), refusal(3, 1, a, c), refusal(3, 2, a), refusal(3, 3, c))
	equal(t, "of a key", open(3, a), map[atoll.Key]int64{a: rs[1].ID})
	equal(t, "of keys", open(3, a, c, d), map[atoll.Key]int64{a: rs[1].ID, c: rs[1].ID})
	equal(t, "of another site", open(4, a, c), map[atoll.Key]int64{a: rs[0].ID})
	equal(t, "of no key", open(3), map[atoll.Key]int64{})
	equal(t, "of another type", open(3, key("invoice", 1)), map[atoll.Key]int64{})
	settled := rs[1]
	settled.State = storage.Applied
	update(t, b, func(tx storage.Tx) error {
		err := tx.Settle(settled)
		got, err2 := tx.OpenRefusals(3, []atoll.Key{a})
		equal(t, "in the transaction", got, map[atoll.Key]int64{a: rs[2].ID})
		return errors.Join(err, err2)
	})
	equal(t, "behind a settled one", open(3, a, c), map[atoll.Key]int64{a: rs[2].ID, c: rs[3].ID})
}

func countRefusals(t *testing.T, b *bench) {
	equal(t, "an empty quarantine", read(t, b, storage.Reader.CountRefusals), map[atoll.SiteID]int{})
	rs := refuse(t, b, refusal(3, 1), refusal(3, 2), refusal(4, 1))
	equal(t, "open ones", read(t, b, storage.Reader.CountRefusals), map[atoll.SiteID]int{3: 2, 4: 1})
	for _, i := range []int{0, 2} {
		rs[i].State = storage.Returned
		update(t, b, func(tx storage.Tx) error { return tx.Settle(rs[i]) })
	}
	equal(t, "after settling", read(t, b, storage.Reader.CountRefusals), map[atoll.SiteID]int{3: 1})
}
