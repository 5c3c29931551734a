package journal

import (
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/storage"
)

// shelfRehomed lists persons whose home store became another one here by the centre's true
// state, and by no transfer: no epoch tells that they were at home elsewhere.
const shelfRehomed = "rehomed"

// rehome notes a person whose home store the true state puts elsewhere: a restored centre
// has never heard of the transfer (R-M-03).
func (d *Door) rehome(tx storage.Tx, was, now atoll.Record) error {
	def, ok := d.Judge.Catalogue.Lookup(now.Type)
	if !ok || def.Home == "" {
		return nil
	}
	before, _ := authority.HomeOf(def, was.MustFields())
	if after, _ := authority.HomeOf(def, now.MustFields()); before == after {
		return nil
	}
	return tx.Set(shelfRehomed, now.Key.String(), nil)
}

// Rehomed reports whether the home store of the person was ever another one here, and
// came to what it is by the centre's true state.
func Rehomed(r storage.ShelfReader, key atoll.Key) (bool, error) {
	_, err := r.Get(shelfRehomed, key.String())
	if errors.Is(err, atoll.NotFound) {
		return false, nil
	}
	return err == nil, err
}
