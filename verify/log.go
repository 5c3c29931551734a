package verify

import (
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// shelfRepairs holds what was done about rows that differed: Repair by time.
const shelfRepairs = "repairs"

// Bounds on what is kept of it.
const (
	maxRepairs   = 5000
	spareRepairs = 500
)

// Repair tells of one row that was repaired: which, from what to what, when and
// why.
type Repair struct {
	At      time.Time    `json:"at"`
	Site    atoll.SiteID `json:"site,omitempty"` // with which site it differed; 0 for a database by itself
	Record  string       `json:"record"`         // "type/id"
	Verdict string       `json:"verdict"`
	Had     string       `json:"had,omitempty"` // checksum of the row that the site had; empty if none
	Has     string       `json:"has,omitempty"` // checksum of the row that the centre had
	Origin  atoll.Origin `json:"origin,omitzero"`
	Body    string       `json:"body,omitempty"` // of a row that was taken away
	Why     string       `json:"why"`
}

// Log keeps the repair.
func Log(tx storage.Tx, r Repair) error {
	at := r.At.UTC().Format("20060102T150405.000000000")
	if err := storage.Save(tx, shelfRepairs, at+" "+r.Record+" "+r.Site.String(), r); err != nil {
		return err
	}
	all, err := tx.Scan(shelfRepairs, "", maxRepairs+1, false)
	if err != nil || len(all) <= maxRepairs {
		return err
	}
	for _, it := range all[:spareRepairs] {
		if err := tx.Drop(shelfRepairs, it.Key); err != nil {
			return err
		}
	}
	return nil
}

// Repairs returns what was repaired, newest first, up to limit (0: all).
func Repairs(r storage.ShelfReader, limit int) ([]Repair, error) {
	return storage.Listed[Repair](r, shelfRepairs, "", limit, true)
}
