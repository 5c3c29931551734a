package journal

import (
	"errors"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// shelfRetracted tells since when patients and prescribers are no longer visible
// here.
const shelfRetracted = "retracted"

// hide retracts a replica. Of a patient or prescriber it notes since when nothing
// is heard any longer (R-G-12).
func (d *Door) hide(tx storage.Tx, t *topology.Topology, r atoll.Record) error {
	r.Hidden = true
	if def, ok := d.Judge.Catalogue.Lookup(r.Type); ok && def.Home != "" {
		if err := tx.Set(shelfRetracted, r.Key.String(), []byte(d.Now().UTC().Format(time.RFC3339))); err != nil {
			return err
		}
	}
	return d.replace(tx, t, r, nil)
}

// RetractedSince returns since when a patient or prescriber is no longer updated
// here, the zero time if that is not so.
func RetractedSince(r storage.ShelfReader, key atoll.Key) (time.Time, error) {
	b, err := r.Get(shelfRetracted, key.String())
	if errors.Is(err, atoll.NotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, string(b))
}

// RetractedBefore returns the patients and prescribers that are no longer updated here
// since before the moment.
func RetractedBefore(r storage.ShelfReader, before time.Time) ([]atoll.Key, error) {
	items, err := r.Scan(shelfRetracted, "", 0, false)
	var out []atoll.Key
	for _, it := range items {
		at, terr := time.Parse(time.RFC3339, string(it.Value))
		if kind, id, ok := strings.Cut(it.Key, "/"); ok && terr == nil && at.Before(before) {
			out = append(out, atoll.Key{Type: atoll.Type(kind), ID: atoll.ID(id)})
		}
	}
	return out, err
}

// Discard removes a retracted replica for good; one that is not retracted stays.
// What comes back later comes from the centre.
func (d *Door) Discard(tx storage.Tx, key atoll.Key) error {
	r, err := tx.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return nil
	}
	if err != nil || !r.Hidden {
		return err
	}
	return tx.Forget(key)
}
