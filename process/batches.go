package process

import (
	"context"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// finish asks once more about a record whose answer may go on (Kind.Batches). It
// reports whether there was one, and how many transactions it made. Each batch has
// a transaction of its own, so that people who work meanwhile wait for one at
// most.
func (p *Processors) finish(ctx context.Context) (some bool, made int, err error) {
	var open []storage.Item
	err = p.Store.View(ctx, func(r storage.Reader) error {
		open, err = r.Scan(shelfUnfinished, "", 1, false)
		return err
	})
	if err != nil || len(open) == 0 {
		return false, 0, err
	}
	place := open[0].Key
	err = p.Store.Update(ctx, func(tx storage.Tx) error {
		made = 0
		at := strings.LastIndexByte(place, ' ')
		key, ok := parseKey(place[at+1:])
		i := slices.IndexFunc(p.Kinds, func(k Kind) bool { return at >= 0 && k.Name == place[:at] })
		if ok && i >= 0 {
			if made, err = p.ask(tx, p.Kinds[i], key, &pass{guard: map[atoll.Key]int{}}); err != nil {
				return err
			}
		}
		if made > 0 {
			return nil
		}
		return tx.Drop(shelfUnfinished, place)
	})
	return true, made, err
}
