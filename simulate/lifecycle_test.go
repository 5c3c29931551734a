package simulate

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/wire"
)

// TestR_H_01 is the data of the screen: the list, a new site in it, and who may
// only look. Deleting a site is left (R-H-40).
func TestR_H_01_ListOfSites(t *testing.T) {
	w := f2(t)
	kinds := map[string]topology.Kind{"Centre": topology.Central, "Sync Client 1": topology.Server, "Sync Client 2": topology.Server, "Sync Client 3": topology.Mirror}
	check := func(want int) {
		t.Helper()
		list := w.topology(1).Sites()
		if len(list) != want || list[0].ID != atoll.CentreID {
			t.Fatalf("%d sites, the first is %d; want %d, the centre's own first", len(list), list[0].ID, want)
		}
		for i, s := range list {
			if s.Kind != kinds[s.Name] || i > 0 && s.ID <= list[i-1].ID {
				t.Errorf("site %d, %q, is shown as %q", s.ID, s.Name, s.Kind)
			}
		}
		details, err := w.Centre.Centre.Sites(w.ctx)
		if err != nil || len(details) != want-1 {
			t.Errorf("details of %d sites, %v", len(details), err)
		}
	}
	check(4)
	kinds["Tablet"] = topology.Mobile
	if _, _, err := w.Centre.Centre.AddSite(w.ctx, "tester", "Tablet", topology.Mobile); err != nil {
		t.Fatal(err)
	}
	check(5)
	for role, want := range map[station.UserRole]bool{station.Viewer: false, station.StoreUser: false, station.Administrator: true} {
		if role.May(station.MayConfigure) != want || !role.May(station.MayRead) {
			t.Errorf("a %s may change sites: %t, look: %t", role, role.May(station.MayConfigure), role.May(station.MayRead))
		}
	}
}

func TestR_H_05_SuggestedOrdersStay(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	tablet, err := w.AddSite(w.ctx, "Tablet", topology.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	server, err := w.AddSite(w.ctx, "Clinic", topology.Server)
	if err != nil {
		t.Fatal(err)
	}
	order := func(kind, status string, n int) atoll.ID {
		id := w.insert(1, "requisition", atoll.Fields{}.Set("store_id", w.Stores["E"]).Set("kind", kind).Set("status", status).Set("number", n).
			Set("name_id", topology.StoreNameID(w.Stores["A"])))
		w.insert(1, "requisition_line", atoll.Fields{}.Set("requisition_id", id).Set("store_id", w.Stores["E"]).Set("item_id", item))
		return id
	}
	order(documents.Request, documents.New, 40)
	order(documents.Response, documents.Suggested, 41)
	first, second := order(documents.Request, documents.Suggested, 42), order(documents.Request, documents.Suggested, 43)
	w.refuses(central.Assign(w.Stores["E"], tablet.Door.Site), atoll.Rule, "42", "43", "delete or finalise")
	_, err = w.Centre.Centre.Try(w.ctx, "tester", central.Assign(w.Stores["E"], tablet.Door.Site)) // the guide asks first
	w.refused(err, atoll.Rule, "42")
	if strings.Contains(err.Error(), "40") || strings.Contains(err.Error(), "41") {
		t.Errorf("the list names others: %v", err)
	}
	if _, err := w.Centre.Centre.Try(w.ctx, "tester", central.Assign(w.Stores["E"], server.Door.Site)); err != nil {
		t.Errorf("to a server it may go with them: %v", err)
	}
	w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "requisition", ID: first}})
	w.refuses(central.Assign(w.Stores["E"], tablet.Door.Site), atoll.Rule, "43")
	w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "requisition", ID: second}})
	w.configure(central.Assign(w.Stores["E"], tablet.Door.Site))
}

// TestR_H_06 is about what does not change a site's type, and that what does is
// told by the journal.
func TestR_H_06_TypeStays(t *testing.T) {
	w := f1(t)
	n, err := w.AddSite(w.ctx, "Clinic", topology.Desktop, "E")
	if err != nil {
		t.Fatal(err)
	}
	at := n.Door.Site
	w.configure(central.Assign(w.Stores["A"], at)) // a second store
	if s, _ := w.topology(1).Site(at); s.Kind != topology.Desktop {
		t.Errorf("with another store it is a %s site", s.Kind)
	}
	w.refuses(central.SetKind(at, topology.Mobile), atoll.Rule, "Store A", "Store E")
	w.refuses(central.SetKind(at, "toaster"), atoll.Schema)
	seq := w.seq(1)
	w.configure(central.SetKind(at, topology.Open))
	s, _ := w.topology(1).Site(at)
	h, err := w.Centre.History(w.ctx, atoll.Key{Type: "site", ID: s.Record}, 1)
	if err != nil || len(h) != 1 || h[0].Actor != "tester" || h[0].Op.Fields.Text("type") != "open" || w.seq(1) != seq+1 {
		t.Errorf("the change of type is told as %+v, %v", h, err)
	}
}

func TestR_H_16_AnotherCentre(t *testing.T) {
	w := f1(t)
	other, err := New(w.ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.AddStore(w.ctx, "Z", false); err != nil {
		t.Fatal(err)
	}
	if _, err := other.AddSite(w.ctx, "Sync Client 1", topology.Server, "Z"); err != nil { // site 2 there, too
		t.Fatal(err)
	}
	w.sync(2)
	before := w.seq(2)
	own := w.Sites[2].Site.Centre
	w.Sites[2].Site.Centre = other.Centre.Centre // the settings were changed
	_, err = w.Sync(w.ctx, 2)
	w.refused(err, atoll.SiteMismatch, "another central server")
	if w.get(2, "store", w.Stores["B"]) == nil || w.get(2, "store", other.Stores["Z"]) != nil || w.seq(2) != before {
		t.Error("the other centre changed what the site has")
	}
	w.Sites[2].Site.Centre = own
	w.peace()
}

// TestR_H_21: the address, the name and the one-time code are in the ticket
// (package host); here is that nothing else works before the site is done.
func TestR_H_20_R_H_21_NothingBefore(t *testing.T) {
	w := f1(t)
	w.sync(2, 3)
	for i := range 40 {
		w.item(fmt.Sprint(i))
	}
	n, err := w.AddSite(w.ctx, "Clinic", topology.Server, "E")
	if err != nil {
		t.Fatal(err)
	}
	at := n.Door.Site
	w.Centre.Centre.Records = 10
	n.Net.CutDown = func() int { return 9 }
	state := func() (here site.State, there central.Initialisation, percent int) {
		st, err := n.Site.Status(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		list, err := w.Centre.Centre.Sites(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(s central.SiteStatus) bool { return s.ID == at })
		return st.State, list[i].State.Initialisation, st.Percent
	}
	if here, there, _ := state(); here != site.Initialising || there != central.InitNew {
		t.Errorf("at first: %s here, %s at the centre", here, there)
	}
	for tries := 0; ; tries++ {
		_, err := w.Sync(w.ctx, at)
		if err == nil {
			break
		}
		if tries > 50 {
			t.Fatal("it does not come to an end")
		}
		here, there, percent := state()
		if here != site.Initialising || there != central.InitStarted || percent > 99 {
			t.Errorf("meanwhile: %s here, %s at the centre, %d %%", here, there, percent)
		}
		err = n.Insert(w.ctx, Stock(atoll.NewID(w.Clock.Now()), w.Stores["E"], atoll.DeriveID("test item", "1"), "1"))
		w.refused(err, atoll.Initialise)
		w.refused(n.Finalise(w.ctx, atoll.NewID(w.Clock.Now())), atoll.Initialise)
		if tries == 2 {
			w.restart(at)
			n = w.Sites[at]
			n.Net.CutDown = func() int { return 9 }
		}
		if tries == 6 {
			w.mend()
		}
	}
	if here, there, _ := state(); here != site.Ready || there != central.InitCompleted {
		t.Errorf("in the end: %s here, %s at the centre", here, there)
	}
	w.stock("E", atoll.DeriveID("test item", "1"), "1")
	w.peace()
}

// TestR_H_29: bytes, not hours: 128 kbit/s for two hours are 1,150 bytes for each
// of 100,000 records. The remaining time is the faces' to work out from progress.
func TestR_H_29_BytesOfInitialisation(t *testing.T) {
	w := f1(t)
	const most, lines = 1150, 2500
	item := w.item("x")
	for i := 0; i < lines; i += 100 {
		var do []journal.Proposal
		for range 100 {
			id := atoll.NewID(w.Clock.Now())
			do = append(do, Stock(id, w.Stores["E"], item, fmt.Sprint(1+len(do))))
		}
		w.edit(1, do...)
	}
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, code, err := w.Centre.Centre.AddSite(w.ctx, "tester", "Clinic", topology.Server)
	if err != nil {
		t.Fatal(err)
	}
	w.configure(central.Assign(w.Stores["E"], s.ID))
	e, err := w.Centre.Centre.Enrol(w.ctx, exchange.Enrolment{Code: code, Key: public, Device: "device of Clinic", Protocol: exchange.Protocol})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wire.Handler(wire.Options{Centre: w.Centre.Centre, Gate: w.Centre.Centre, Now: w.Clock.Now}))
	defer server.Close()
	var in, out int64
	client, err := wire.NewClient(wire.ClientOptions{
		URL: server.URL, Site: s.ID, System: e.System, Device: "device of Clinic", Key: key, Now: w.Clock.Now,
		Report: func(r exchange.Report) { in, out = in+r.Received, out+r.Sent },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	n, err := w.open(w.ctx, "Clinic", station.Identity{Role: station.Remote, Site: s.ID, Name: "Clinic"})
	if err != nil {
		t.Fatal(err)
	}
	w.Sites[s.ID] = n
	bad := &dropping{Centre: client, after: 300}
	n.Site.Centre = bad
	var progress []int64
	n.Site.Hooks.Progress = func(p site.Progress) {
		if p.Step == "pull" {
			progress = append(progress, p.Done)
		}
	}
	cuts := 0
	for {
		c, err := n.Site.Cycle(w.ctx)
		if err == nil {
			break
		}
		if cuts++; cuts > 20 || !errors.Is(err, atoll.Interrupted) {
			t.Fatalf("after %d cuts: %v", cuts, err)
		}
		if c.Received == 0 {
			t.Error("a try brought nothing")
		}
	}
	total := 0
	counts, err := n.Counts(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		total += c
	}
	if counts["stock_line"] != lines || cuts < 2 {
		t.Fatalf("%d stock lines arrived over %d cuts", counts["stock_line"], cuts)
	}
	if bad.seen > total*11/10 {
		t.Errorf("%d records were sent for %d: after a cut it began again", bad.seen, total)
	}
	if each := (in + out) / int64(total); each > most {
		t.Errorf("%d bytes for each of %d records; the line has %d", each, total, most)
	}
	if !slices.IsSorted(progress) || len(progress) < lines {
		t.Errorf("%d steps of progress, rising %t", len(progress), slices.IsSorted(progress))
	}
}

// dropping is a line that breaks after so many records.
type dropping struct {
	exchange.Centre
	after, seen int
}

// Exchange breaks off.
func (d *dropping) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		n := 0
		for f, err := range d.Centre.Exchange(ctx, h, entries) {
			if _, ok := f.(exchange.Record); ok {
				d.seen++
				if n++; n > d.after {
					yield(nil, atoll.Errorf(atoll.Interrupted, "the line was cut"))
					return
				}
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// TestR_H_02: the centre keeps a digest of the code, and never gives a number
// twice; the rest of the details is examined in package central.
func TestR_H_02_DigestOnly(t *testing.T) {
	w := f1(t)
	s, code, err := w.Centre.Centre.AddSite(w.ctx, "tester", "Clinic", topology.Server)
	if err != nil || s.ID != 4 {
		t.Fatalf("site %d, %v", s.ID, err)
	}
	err = w.Centre.Store.View(w.ctx, func(r storage.Reader) error {
		st, err := central.State(r, s.ID)
		if err != nil {
			return err
		}
		b, err := json.Marshal(st)
		if strings.Contains(string(b), code) || len(st.CodeHash) < 32 {
			t.Errorf("what is kept of the code: %s", b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.Centre.Centre.AddSite(w.ctx, "tester", "Clinic", topology.Server)
	w.refused(err, atoll.Exists)
	w.update(1, "site", s.Record, atoll.Fields{}.Set("disabled", true))
	if again, _, err := w.Centre.Centre.AddSite(w.ctx, "tester", "Clinic 2", topology.Server); err != nil || again.ID != 5 {
		t.Errorf("the next site has number %d, %v", again.ID, err)
	}
}
