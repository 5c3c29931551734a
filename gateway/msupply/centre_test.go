package msupply_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/gateway/msupply"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/sqlite"
)

// now is what the clock says in every test.
var now = time.Date(2026, 7, 31, 8, 15, 0, 0, time.UTC)

// centre is a central server's database, with the laws of documents in force.
type centre struct {
	t     *testing.T
	store storage.Store
	door  *journal.Door
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "centre.db"), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	c := &centre{t: t, store: store, door: &journal.Door{
		Site: atoll.CentreID, Centre: true,
		Judge: &admit.Judge{Catalogue: catalogue.Embedded(), Rules: documents.Rules()},
		Now:   func() time.Time { return now },
	}}
	if err := store.Update(t.Context(), func(tx storage.Tx) error {
		return tx.SetBase(atoll.CentreID, atoll.Head{Timeline: "0123456789abcdef"})
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *centre) options() msupply.Options {
	return msupply.Options{Writer: msupply.Local{Store: c.store, Door: c.door}, Actor: "tester", File: "capture.json"}
}

// take imports a capture, which must work.
func (c *centre) take(capture []byte) msupply.Report {
	c.t.Helper()
	r, err := msupply.Import(c.t.Context(), bytes.NewReader(capture), c.options())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// seq is the end of the centre's journal.
func (c *centre) seq() uint64 {
	c.t.Helper()
	var head atoll.Head
	c.view(func(r storage.Reader) (err error) {
		head, err = r.Head(atoll.CentreID)
		return err
	})
	return head.Seq
}

func (c *centre) view(fn func(storage.Reader) error) {
	c.t.Helper()
	if err := c.store.View(context.Background(), fn); err != nil {
		c.t.Fatal(err)
	}
}
