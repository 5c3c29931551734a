// Package access holds the faces of an installation to the powers of their users: what
// is sent really does something, and whoever has not the power for it changes nothing,
// to the last byte of the database.
package access

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// Roles are the powers of the people who work through a face, by their role.
var Roles = map[station.UserRole][]station.Power{
	station.Viewer: {"read"}, station.StoreUser: {"read", "edit"}, station.Technician: {"read", "sync"},
	station.DataManager: {"read", "edit", "curate"}, station.Administrator: {"read", "edit", "curate", "sync", "configure"},
}

// Nobody sends without having signed in.
const Nobody station.UserRole = ""

// Deed is a request that really changes something, as people send it.
type Deed struct {
	Name  string
	Power station.Power    // who does it must have it
	By    station.UserRole // one who has
	// Send makes the request, the same however often it is called.
	Send func(by station.UserRole) Answer
	// Mute says that it changes no database: what it does lies outside.
	Mute bool
}

// Answer is what came of a request.
type Answer struct {
	Status int
	Text   string
}

// Try sends the deed as nobody, who gets the status nobody, and as each of the roles
// that lacks the power, who gets 403; nothing has changed after it. Then who may does
// it, and something has: what was sent was the right thing.
func Try(t testing.TB, n *simulate.Node, roles map[station.UserRole][]station.Power, d Deed, nobody int) {
	t.Helper()
	before := Sum(t, n)
	if got := d.Send(Nobody); got.Status != nobody {
		t.Errorf("%s with nobody signed in: %d %s", d.Name, got.Status, got.Text)
	}
	for role, has := range roles {
		if slices.Contains(has, d.Power) {
			continue
		}
		if got := d.Send(role); got.Status != 403 {
			t.Errorf("%s as %s: %d %s", d.Name, role, got.Status, got.Text)
		}
	}
	if Sum(t, n) != before {
		t.Errorf("%s changed something for who may not do it", d.Name)
	}
	got := d.Send(d.By)
	if got.Status >= 400 {
		t.Errorf("%s as %s: %d %s", d.Name, d.By, got.Status, got.Text)
	} else if Sum(t, n) == before && !d.Mute {
		t.Errorf("%s as %s changed nothing: what it is sent proves nothing", d.Name, d.By)
	}
}

// watched are the shelves of a database beside its records and journals, but for
// sessions, which a test opens itself.
var watched = []string{
	"sync", "site", "user", "jobs", "refused", "lock", "locklog", "centre", "transfers", "exceptions", "repairs", "found", "doubt", "token", "host", "staying",
	"mail", "mail letters",
}

// Sum is one sum over all that a node's database holds: its records and feed, by the
// last position, its journals by their hashes, what is refused and how that was decided,
// and its shelves.
func Sum(t testing.TB, n *simulate.Node) (sum [32]byte) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if n.Centre != nil { // what it only notes of exchanges is written when somebody looks
		if err := n.Centre.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	h := sha256.New()
	err := n.Store.View(ctx, func(r storage.Reader) error {
		h.Reset()
		at, err := r.LastPosition()
		if err != nil {
			return err
		}
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(at)))
		heads, err := r.Journals()
		if err != nil {
			return err
		}
		refused, err := r.Refusals(0, false, 0, 1000)
		if err != nil {
			return err
		}
		b, err := json.Marshal([]any{heads, refused}) // maps in the order of their keys
		if err != nil {
			return err
		}
		h.Write(b)
		for _, shelf := range watched {
			items, err := r.Scan(shelf, "", 0, false)
			if err != nil {
				return err
			}
			for _, it := range items {
				h.Write([]byte(shelf + "/" + it.Key + "="))
				h.Write(it.Value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}
