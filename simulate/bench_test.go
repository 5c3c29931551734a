package simulate

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// world is a fleet on the test bench: its methods fail the test instead of
// returning errors.
type world struct {
	*Fleet
	t   testing.TB
	ctx context.Context
}

// The fixtures are built once and copied for each test.
var templates struct {
	f1, f2 func() (*Fleet, error)
}

func TestMain(m *testing.M) {
	// A run of a property is a whole fleet: fewer than usual, unless the command
	// line says otherwise.
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		panic(err)
	}
	build := func(name string, mirrored bool) func() (*Fleet, error) {
		return sync.OnceValues(func() (*Fleet, error) {
			at := dir + "/" + name
			if err := os.Mkdir(at, 0o700); err != nil {
				return nil, err
			}
			f, err := F1With(context.Background(), at, usual(), mirrored)
			if err != nil {
				return nil, err
			}
			return f, f.Close()
		})
	}
	templates.f1, templates.f2 = build("f1", false), build("f2", true)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// engine is where the fleets of the tests keep their databases. All of them hold
// on either; those that are about SQLite itself say so.
var engine = flag.String("engine", "sqlite", "sqlite or memory")

func usual() Parts {
	if *engine == "memory" {
		return Parts{Disks: &Disks{}}
	}
	return Parts{}
}

func newWorld(t testing.TB, template func() (*Fleet, error)) *world {
	t.Helper()
	tf, err := template()
	if err != nil {
		t.Fatal(err)
	}
	return clone(t, tf, t.TempDir())
}

func clone(t testing.TB, of *Fleet, dir string) *world {
	t.Helper()
	f, err := of.Clone(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &world{f, t, t.Context()}
}

// f1 is the standard fixture, f2 the mirrored one.
func f1(t testing.TB) *world { t.Helper(); return newWorld(t, templates.f1) }
func f2(t testing.TB) *world { t.Helper(); return newWorld(t, templates.f2) }

// run runs a subtest on the world.
func (w *world) run(name string, fn func(t *testing.T)) {
	w.t.Helper()
	outer := w.t.(*testing.T)
	outer.Run(name, func(t *testing.T) {
		w.t = t
		defer func() { w.t = outer }()
		fn(t)
	})
}

// sync lets the sites synchronise, one full cycle each, in this order.
func (w *world) sync(sites ...atoll.SiteID) (last site.Cycle) {
	w.t.Helper()
	for _, id := range sites {
		c, err := w.Sync(w.ctx, id)
		if err != nil {
			w.t.Fatalf("sync(%d): %v", id, err)
		}
		last = c
	}
	return last
}

// peace lets everybody synchronise and holds the fleet to its laws.
func (w *world) peace() {
	w.t.Helper()
	if err := w.Settle(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	w.lawful()
}

// lawful fails on every breach of the laws.
func (w *world) lawful() {
	w.t.Helper()
	for _, breach := range w.Check(w.ctx) {
		w.t.Error(breach)
	}
}

// configure changes the configuration at the centre.
func (w *world) configure(c central.Configuration) central.Preview {
	w.t.Helper()
	p, err := w.Centre.Centre.Configure(w.ctx, "tester", c)
	if err != nil {
		w.t.Fatalf("configure: %v", err)
	}
	return p
}

// refused wants the error to have the code, and to say each of the words.
func (w *world) refused(err error, code atoll.Code, words ...string) {
	w.t.Helper()
	if !errors.Is(err, code) {
		w.t.Errorf("got %v; want it refused with %s", err, code)
		return
	}
	text := err.Error()
	var e *atoll.Error
	if errors.As(err, &e) {
		text += " " + e.Hint
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			w.t.Errorf("the refusal %q does not say %q", text, word)
		}
	}
}

// edit makes an edit at a site, as its user.
func (w *world) edit(at atoll.SiteID, do ...journal.Proposal) {
	w.t.Helper()
	if err := w.At(at).Insert(w.ctx, do...); err != nil {
		w.t.Fatalf("edit at site %d: %v", at, err)
	}
}

// insert makes one record at a site and returns its id.
func (w *world) insert(at atoll.SiteID, kind atoll.Type, f atoll.Fields) atoll.ID {
	w.t.Helper()
	id := atoll.NewID(w.Clock.Now())
	w.edit(at, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: f})
	return id
}

// change proposes an update.
func change(kind atoll.Type, id atoll.ID, f atoll.Fields) journal.Proposal {
	return journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: kind, ID: id}, Fields: f}
}

// update changes one record at a site.
func (w *world) update(at atoll.SiteID, kind atoll.Type, id atoll.ID, f atoll.Fields) {
	w.t.Helper()
	w.edit(at, change(kind, id, f))
}

// act runs an act of documents on a document at a site.
func (w *world) act(at atoll.SiteID, act func(documents.Desk, atoll.ID) ([]journal.Proposal, error), id atoll.ID) {
	w.t.Helper()
	if err := w.try(at, act, id); err != nil {
		w.t.Fatalf("act at site %d: %v", at, err)
	}
}

func (w *world) try(at atoll.SiteID, act func(documents.Desk, atoll.ID) ([]journal.Proposal, error), id atoll.ID) error {
	_, err := w.At(at).Act(w.ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) { return act(d, id) })
	return err
}

// The acts.
var (
	finalise            = documents.Desk.Finalise
	receive             = documents.Desk.Receive
	finaliseRequisition = documents.Desk.FinaliseRequisition
)

// home is the site where the store is active.
func (w *world) home(store string) atoll.SiteID {
	w.t.Helper()
	s, ok := w.topology(atoll.CentreID).Store(w.Stores[store])
	if !ok {
		w.t.Fatalf("no store %s", store)
	}
	return s.Site
}

func (w *world) topology(at atoll.SiteID) *topology.Topology {
	w.t.Helper()
	t, err := w.At(at).Topology(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// item makes an item on the primary.
func (w *world) item(code string) atoll.ID {
	w.t.Helper()
	id, p := Item(code)
	w.edit(w.topology(atoll.CentreID).Primary(), p)
	return id
}

// stock puts packs of an item into a store and returns the stock line.
func (w *world) stock(store string, item atoll.ID, packs string) atoll.ID {
	w.t.Helper()
	id := atoll.NewID(w.Clock.Now())
	p := Stock(id, w.Stores[store], item, packs)
	p.Fields.Set("batch", "L-"+store)
	w.edit(w.home(store), p)
	return id
}

// ship sends packs of a stock line from one store to another.
func (w *world) ship(from, to string, line atoll.ID, packs ...string) atoll.ID {
	w.t.Helper()
	id, err := w.At(w.home(from)).Shipment(w.ctx, w.Stores[from], w.Stores[to], line, packs...)
	if err != nil {
		w.t.Fatalf("shipment %s to %s: %v", from, to, err)
	}
	return id
}

// unsent makes a shipment of packs of a stock line, and does not send it.
func (w *world) unsent(from, to string, stock atoll.ID, packs string) atoll.ID {
	w.t.Helper()
	at := w.home(from)
	line := w.want(at, "stock_line", stock).Fields
	id := w.insert(at, "invoice", atoll.Fields{}.Set("store_id", w.Stores[from]).Set("kind", documents.CustomerInvoice).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores[to])))
	f := atoll.Fields{}.Set("invoice_id", id).Set("store_id", w.Stores[from]).Set("kind", "stock_out").
		Set("stock_line_id", stock).Set("number_of_packs", number(packs))
	for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size"} {
		f[name] = line[name]
	}
	w.insert(at, "invoice_line", f)
	return id
}

// request finalises a request requisition of one store to another.
func (w *world) request(from, to string, item atoll.ID, quantity string) (atoll.ID, error) {
	w.t.Helper()
	at := w.home(from)
	id := w.insert(at, "requisition", atoll.Fields{}.Set("store_id", w.Stores[from]).Set("kind", documents.Request).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores[to])))
	w.insert(at, "requisition_line", atoll.Fields{}.Set("requisition_id", id).Set("store_id", w.Stores[from]).
		Set("item_id", item).Set("requested_quantity", number(quantity)))
	return id, w.try(at, finaliseRequisition, id)
}

// replace gives the site an empty database on the same device: the old one is
// lost.
func (w *world) replace(at atoll.SiteID) {
	w.t.Helper()
	old := w.Sites[at]
	if err := old.Store.Close(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.place(old.Name, nil); err != nil {
		w.t.Fatal(err)
	}
	n, err := w.open(w.ctx, old.Name, old.Identity)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Sites[at] = n
}

// borrow makes a world for one run of a property: its databases go when the run
// is over.
func borrow(t *testing.T, rt *rapid.T, template *Fleet) *world {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "run") //nolint:usetesting // hundreds of runs; each goes when it is over
	if err != nil {
		t.Fatal(err)
	}
	f, err := template.Clone(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	rt.Cleanup(func() {
		f.Close()
		os.RemoveAll(dir)
	})
	return &world{f, quiet{TB: t, rt: rt}, t.Context()}
}

// restart ends the site's program, and starts it again on its database.
func (w *world) restart(at atoll.SiteID) {
	w.t.Helper()
	old := w.Sites[at]
	if err := old.Store.Close(); err != nil {
		w.t.Fatal(err)
	}
	n, err := w.open(w.ctx, old.Name, old.Identity)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Sites[at] = n
}

// quiet tells failures to the property, which goes on to look for a simpler one.
type quiet struct {
	testing.TB
	rt *rapid.T
}

func (q quiet) Error(args ...any)            { q.rt.Error(args...) }
func (q quiet) Errorf(f string, args ...any) { q.rt.Errorf(f, args...) }
func (q quiet) Fatal(args ...any)            { q.rt.Fatal(args...) }
func (q quiet) Fatalf(f string, args ...any) { q.rt.Fatalf(f, args...) }
func (q quiet) Helper()                      {}

// write writes past the faces, through the door itself.
func (w *world) write(at atoll.SiteID, do ...journal.Proposal) error {
	n := w.At(at)
	return n.Store.Update(w.ctx, func(tx storage.Tx) error {
		_, err := n.Door.Write(tx, journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: do})
		return err
	})
}
