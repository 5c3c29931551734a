package central_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/sqlite"
)

// rig is a centre and two sites on the test bench, the worked example F1. Each
// of its parts can be stopped, started again, put back to an earlier state, cut
// off in the middle of a sentence, and made to fail at any transaction.
type rig struct {
	*simulate.Fleet
	t     testing.TB
	dir   string
	files map[atoll.SiteID]string
	disks map[atoll.SiteID]*disk
	lines map[atoll.SiteID]*line
	// emptied says that a site has lost its own journal: the law of stock, which
	// reads those, then has nothing to say.
	emptied bool
}

var template = sync.OnceValues(func() (*simulate.Fleet, error) {
	f, err := simulate.F1(context.Background(), templateDir, false)
	if err != nil {
		return nil, err
	}
	return f, f.Close()
})

var templateDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "central")
	if err != nil {
		panic(err)
	}
	templateDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// newRig sets up a fresh copy of F1.
func newRig(t testing.TB) *rig {
	t.Helper()
	tf, err := template()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		Fleet: &simulate.Fleet{
			Sites: map[atoll.SiteID]*simulate.Node{}, Stores: maps.Clone(tf.Stores), Clock: simulate.NewClock(), Catalogue: catalogue.Embedded(),
		},
		t: t, dir: t.TempDir(), disks: map[atoll.SiteID]*disk{}, lines: map[atoll.SiteID]*line{},
		files: map[atoll.SiteID]string{1: "centre", 2: "Sync Client 1", 3: "Sync Client 2"},
	}
	r.Clock.Wind(tf.Clock.Now().Sub(r.Clock.Now()))
	for id, name := range r.files {
		copyFile(t, filepath.Join(templateDir, name+".db"), r.path(id))
	}
	for _, id := range []atoll.SiteID{1, 2, 3} {
		r.lines[id] = &line{rig: r, up: -1, down: -1}
		r.start(id)
	}
	t.Cleanup(func() {
		for id := range r.disks {
			r.stop(id)
		}
	})
	return r
}

func (r *rig) path(id atoll.SiteID) string { return filepath.Join(r.dir, r.files[id]+".db") }

// start opens the database and builds the node over it.
func (r *rig) start(id atoll.SiteID) {
	r.t.Helper()
	db, err := sqlite.Open(context.WithoutCancel(r.t.Context()), r.path(id), sqlite.Options{NoSync: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.disks[id] = &disk{Store: db}
	n := r.node(id, r.files[id], r.disks[id])
	if id == atoll.CentreID {
		r.Centre = n
	} else {
		r.Sites[id] = n
	}
}

func (r *rig) node(id atoll.SiteID, name string, store storage.Store) *simulate.Node {
	r.t.Helper()
	role := station.Remote
	if id == atoll.CentreID {
		role = station.Central
	}
	n := &simulate.Node{Name: name, Clock: r.Clock, Net: &simulate.Network{}}
	n.Station = station.New(station.Identity{Role: role, Site: id, Name: name}, station.Options{Store: store, Catalogue: r.Catalogue, Now: r.Clock.Now})
	run := func(ctx context.Context) error { _, err := n.Processors.Run(ctx); return err }
	if id == atoll.CentreID {
		n.Centre = central.New(central.Options{
			Store: store, Door: n.Door, System: atoll.DeriveID("test system"), Now: r.Clock.Now, App: "test",
			Admitted: func(ctx context.Context) {
				if err := run(ctx); err != nil && !errors.Is(err, errCrash) {
					slog.Default().Error("processors", "err", err)
				}
			},
		})
		if _, err := n.Centre.Start(r.t.Context()); err != nil && !errors.Is(err, errCrash) {
			r.t.Fatal(err)
		}
		return n
	}
	n.Site = site.New(site.Options{
		Store: store, Door: n.Door, Centre: r.lines[id], Device: "device of " + r.files[id], App: "test", Now: r.Clock.Now,
		Integrated: run,
		Restate:    func(ctx context.Context) error { _, err := n.Restate(ctx, "atoll", nil); return err },
	})
	n.Usable, n.Site.Comparer = n.Site.Usable, r.lines[id]
	return n
}

// Compare asks the centre about rows.
func (l *line) Compare(ctx context.Context, at atoll.SiteID, q exchange.Comparison) (exchange.Compared, error) {
	return l.rig.Centre.Centre.Compare(ctx, at, q)
}

func (r *rig) stop(id atoll.SiteID) {
	if d := r.disks[id]; d != nil {
		_ = d.Store.Close()
		delete(r.disks, id)
	}
}

// restart is a stop and a start: of a program that ended, or crashed.
func (r *rig) restart(id atoll.SiteID) {
	r.t.Helper()
	r.stop(id)
	r.start(id)
}

// backup copies the node's database; putBack starts the node with the copy.
func (r *rig) backup(id atoll.SiteID) string {
	r.t.Helper()
	r.stop(id)
	to := filepath.Join(r.t.TempDir(), "backup.db")
	copyFile(r.t, r.path(id), to)
	r.start(id)
	return to
}

func (r *rig) putBack(id atoll.SiteID, from string) {
	r.t.Helper()
	r.stop(id)
	r.wipe(id)
	copyFile(r.t, from, r.path(id))
	r.start(id)
}

func (r *rig) wipe(id atoll.SiteID) {
	r.t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(r.path(id) + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			r.t.Fatal(err)
		}
	}
}

// empty gives the site an empty database on the same device, ready to initialise.
func (r *rig) empty(id atoll.SiteID) {
	r.t.Helper()
	r.stop(id)
	r.wipe(id)
	r.start(id)
	r.emptied = true
	if err := r.Sites[id].Site.Begin(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// sync runs one cycle of each site.
func (r *rig) sync(ids ...atoll.SiteID) (last site.Cycle) {
	r.t.Helper()
	for _, id := range ids {
		c, err := r.Sync(r.t.Context(), id)
		if err != nil {
			r.t.Fatalf("sync(%d): %v", id, err)
		}
		last = c
	}
	return last
}

// peace lets everybody synchronise and holds the fleet to its laws.
func (r *rig) peace() {
	r.t.Helper()
	if err := r.Settle(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	for _, breach := range r.Check(r.t.Context()) {
		if !r.emptied || !strings.HasPrefix(breach, "batch ") {
			r.t.Error(breach)
		}
	}
}

// edit makes an edit at a site, as its user.
func (r *rig) edit(at atoll.SiteID, do ...journal.Proposal) {
	r.t.Helper()
	if err := r.At(at).Insert(r.t.Context(), do...); err != nil {
		r.t.Fatalf("edit at site %d: %v", at, err)
	}
}

func (r *rig) insert(at atoll.SiteID, kind atoll.Type, f atoll.Fields) atoll.ID {
	r.t.Helper()
	id := atoll.NewID(r.Clock.Now())
	r.edit(at, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: f})
	return id
}

func (r *rig) update(at atoll.SiteID, kind atoll.Type, id atoll.ID, f atoll.Fields) {
	r.t.Helper()
	r.edit(at, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: kind, ID: id}, Fields: f})
}

// item makes an item at the centre, stock a stock line of it in a store.
func (r *rig) item(code string) atoll.ID {
	r.t.Helper()
	id, p := simulate.Item(code)
	r.edit(atoll.CentreID, p)
	return id
}

func (r *rig) stock(at atoll.SiteID, store string, item atoll.ID, packs string) atoll.ID {
	r.t.Helper()
	id := atoll.NewID(r.Clock.Now())
	r.edit(at, simulate.Stock(id, r.Stores[store], item, packs))
	return id
}

// invoice makes a customer invoice without lines in a store.
func (r *rig) invoice(at atoll.SiteID, store string) atoll.ID {
	r.t.Helper()
	return r.insert(at, "invoice", atoll.Fields{}.Set("store_id", r.Stores[store]).Set("kind", "customer_invoice").Set("status", "new"))
}

// configure changes the configuration at the centre.
func (r *rig) configure(c central.Configuration) {
	r.t.Helper()
	if _, err := r.Centre.Centre.Configure(r.t.Context(), "tester", c); err != nil {
		r.t.Fatalf("configure: %v", err)
	}
}

// refusals returns the refusals at the centre, oldest first.
func (r *rig) refusals(open bool) (out []storage.Refusal) {
	r.t.Helper()
	r.look(1, func(v storage.Reader) (err error) { out, err = v.Refusals(0, open, 0, 0); return err })
	return out
}

func (r *rig) look(at atoll.SiteID, fn func(storage.Reader) error) {
	r.t.Helper()
	if err := r.At(at).Store.View(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// rows are all records of a node, each in one line of text.
func (r *rig) rows(at atoll.SiteID) map[string]string {
	r.t.Helper()
	out := map[string]string{}
	r.look(at, func(v storage.Reader) error {
		for after := atoll.Position(0); ; {
			page, err := v.Changed(after, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, rec := range page {
				after = rec.Position
				out[rec.Key.String()] = rowText(rec)
			}
		}
	})
	return out
}

func rowText(r atoll.Record) string {
	s := r.Origin.String() + fmt.Sprintf(" v%d", r.Version)
	if r.Deleted {
		s += " deleted"
	}
	if r.Hidden {
		s += " hidden"
	}
	return s + " " + string(r.Body)
}

// record returns a record as the node has it, whatever its state.
func (r *rig) record(at atoll.SiteID, kind atoll.Type, id atoll.ID) (rec atoll.Record, there bool) {
	r.t.Helper()
	r.look(at, func(v storage.Reader) (err error) {
		rec, err = v.Record(atoll.Key{Type: kind, ID: id})
		there = err == nil
		if errors.Is(err, atoll.NotFound) {
			return nil
		}
		return err
	})
	return rec, there
}

func storageQuery(kind atoll.Type, where ...string) storage.Query {
	q := storage.Query{Type: kind, Where: map[string]string{}}
	for i := 0; i < len(where); i += 2 {
		q.Where[where[i]] = where[i+1]
	}
	return q
}

func editOf(kind atoll.Type, id atoll.ID, f atoll.Fields) journal.Edit {
	return journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{
		{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: f},
	}}
}
