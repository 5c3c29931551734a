package simulate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// district is a small district: a central medical store, two hospitals and eight
// clinics on five sites, and what happens there from day to day.
type district struct {
	*world
	random  *rand.Rand
	day     int
	sites   []atoll.SiteID
	items   []atoll.ID
	into    map[atoll.ID]atoll.ID
	patient map[string]atoll.ID
	did     map[string]int // how often what was done
}

// supplier is whom each store orders from.
var supplier = map[string]string{
	"H1": "CMS", "H2": "CMS", "K1": "H1", "K2": "H1", "K5": "H1", "K6": "H1", "K3": "H2", "K4": "H2", "K7": "H2", "K8": "H2",
}

func newDistrict(t *testing.T, seed uint64) *district {
	t.Helper()
	f, err := Assemble(t.Context(), t.TempDir(), usual())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	d := &district{
		world: &world{f, t, t.Context()}, random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // repeatable on purpose
		into: map[atoll.ID]atoll.ID{}, patient: map[string]atoll.ID{}, did: map[string]int{},
	}
	for _, store := range append([]string{"CMS"}, slices.Sorted(maps.Keys(supplier))...) {
		if err := d.AddStore(d.ctx, store, store != "CMS"); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range supplier {
		d.configure(central.MakeVisible(d.Stores[from], d.Stores[to], true))
	}
	for i, stores := range [][]string{{"CMS"}, {"H1", "K1", "K2"}, {"H2", "K3", "K4"}, {"K5", "K6"}, {"K7", "K8"}} {
		n, err := d.AddSite(d.ctx, fmt.Sprint("Site ", i), topology.Server, stores...)
		if err != nil {
			t.Fatal(err)
		}
		d.sites = append(d.sites, n.Door.Site)
	}
	for i := range 8 {
		d.items = append(d.items, d.item(fmt.Sprint("D", i)))
	}
	d.sync(d.sites...)
	for _, store := range d.clinics() {
		d.patient[store] = d.world.patient(store)
	}
	return d
}

func (d *district) clinics() []string { return slices.Sorted(maps.Keys(supplier)) }

func (d *district) chance(percent int) bool { return d.random.IntN(100) < percent }

// upTo is a number of packs, not above what there is.
func (d *district) upTo(most int, there string) string {
	packs := fmt.Sprint(1 + d.random.IntN(most))
	if documents.Compare(packs, there) > 0 {
		return there
	}
	return packs
}

func (d *district) some(n int) []atoll.ID {
	var out []atoll.ID
	for _, i := range d.random.Perm(len(d.items))[:n] {
		out = append(out, d.items[i])
	}
	return out
}

// try makes a document with its lines and does the actions on it. It may be
// refused: a store that moves is frozen, and people come back later.
func (d *district) try(what string, at atoll.SiteID, kind atoll.Type, header atoll.Fields, lines []atoll.Fields, acts ...documents.Action) {
	d.t.Helper()
	if len(lines) == 0 {
		return
	}
	draft := documents.Draft{Fields: header}
	for _, l := range lines {
		draft.Lines = append(draft.Lines, documents.DraftLine{Fields: l})
	}
	id := atoll.NewID(d.Clock.Now())
	if _, err := d.At(at).MakeDocument(d.ctx, "tester", atoll.Key{Type: kind, ID: id}, draft); err != nil {
		d.busy(what, err)
		return
	}
	for _, act := range acts {
		if err := d.attempt(at, act, kind, id); err != nil {
			d.busy(what, err)
			return
		}
	}
	d.did[what]++
}

// busy takes a refusal for what it may be: the store is being moved, the site is
// not ready yet. Anything else is a failure.
func (d *district) busy(what string, err error) {
	d.t.Helper()
	moving := strings.Contains(err.Error(), "is being moved") || strings.Contains(err.Error(), "is on its way here")
	switch code := atoll.CodeOf(err); {
	case code == atoll.Ownership, code == atoll.Initialise, code == atoll.NotHere, code == atoll.Reference, moving:
		d.did["came back later"]++
	default:
		d.t.Errorf("day %d: %s: %v", d.day, what, err)
	}
}

// shelf is the stock of a store that can be given out, what expires first first.
func (d *district) shelf(store string) []atoll.Fields {
	d.t.Helper()
	var out []atoll.Fields
	for _, r := range d.list(d.home(store), "stock_line", "store_id", string(d.Stores[store])) {
		if documents.Compare(or0(r.Fields.Number("available_number_of_packs")), "1") >= 0 {
			out = append(out, r.Fields.Clone().Set("id", r.ID))
		}
	}
	return out
}

// morning: goods that arrived are received.
func (d *district) morning(store string) {
	at := d.home(store)
	for _, doc := range d.list(at, "invoice", "store_id", string(d.Stores[store])) {
		kind, status := doc.Fields.Text("kind"), doc.Fields.Text("status")
		if status == documents.New && (kind == documents.SupplierInvoice || kind == documents.CustomerCredit) && d.chance(80) {
			if err := d.world.try(at, receive, doc.ID); err != nil {
				d.busy("receipt", err)
				continue
			}
			d.did["receipt"]++
		}
	}
}

// orders: once a week each store orders from its supplier.
func (d *district) orders(store string) {
	at, to := d.home(store), supplier[store]
	var lines []atoll.Fields
	for _, item := range d.some(5) {
		lines = append(lines, atoll.Fields{}.Set("item_id", item).Set("requested_quantity", 20+d.random.IntN(40)))
	}
	d.try("order", at, "requisition", atoll.Fields{}.Set("store_id", d.Stores[store]).Set("kind", documents.Request).
		Set("name_id", topology.StoreNameID(d.Stores[to])), lines, documents.Finalise)
}

// deliveries: a supplier ships what was ordered, from what it has.
func (d *district) deliveries(store string) {
	at := d.home(store)
	for _, r := range d.list(at, "requisition", "store_id", string(d.Stores[store]), "kind", documents.Response) {
		if r.Fields.Text("status") != documents.New {
			continue
		}
		var lines []atoll.Fields
		taken := map[atoll.ID]bool{} // two lines may be of one item, since a merge
		for _, l := range d.list(at, "requisition_line", "requisition_id", string(r.ID)) {
			for _, s := range d.shelf(store) {
				if s.ID("item_id") == l.Fields.ID("item_id") && !taken[s.ID("id")] {
					taken[s.ID("id")] = true
					lines = append(lines, drawn(s.ID("id"), d.upTo(8, s.Number("available_number_of_packs"))))
					break
				}
			}
		}
		header := atoll.Fields{}.Set("store_id", d.Stores[store]).Set("kind", documents.CustomerInvoice).
			Set("name_id", r.Fields.ID("name_id")).Set("requisition_id", r.ID)
		d.try("delivery", at, "invoice", header, lines, documents.Finalise)
		if err := d.attempt(at, documents.Finalise, "requisition", r.ID); err != nil {
			d.busy("answer to an order", err)
		}
	}
}

// purchase: the central store gets goods from outside.
func (d *district) purchase() {
	var lines []atoll.Fields
	for _, item := range d.some(5) {
		lines = append(lines, brought(item, fmt.Sprint(100+d.random.IntN(200))).Set("batch", fmt.Sprint("P", d.day)))
	}
	d.try("purchase", d.home("CMS"), "invoice", atoll.Fields{}.Set("store_id", d.Stores["CMS"]).Set("kind", documents.SupplierInvoice),
		lines, documents.Finalise)
}

func (d *district) dispense(store string) {
	shelf := d.shelf(store)
	if len(shelf) == 0 {
		return
	}
	line := shelf[d.random.IntN(len(shelf))].ID("id")
	d.try("prescription", d.home(store), "prescription", atoll.Fields{}.Set("store_id", d.Stores[store]).Set("patient_id", d.patient[store]),
		[]atoll.Fields{drawn(line, "0.5").Set("patient_id", d.patient[store])}, documents.Finalise)
}

func (d *district) returns(store string) {
	shelf := d.shelf(store)
	if len(shelf) == 0 {
		return
	}
	d.try("return", d.home(store), "invoice", atoll.Fields{}.Set("store_id", d.Stores[store]).Set("kind", documents.SupplierCredit).
		Set("name_id", topology.StoreNameID(d.Stores[supplier[store]])), []atoll.Fields{drawn(shelf[0].ID("id"), "0.5")}, documents.Finalise)
}

func (d *district) stocktake(store string) {
	var lines []atoll.Fields
	for _, s := range d.shelf(store) {
		counted := s.Number("total_number_of_packs")
		if d.chance(20) {
			counted = documents.Sub(counted, "0.5")
		}
		if s.Number("total_number_of_packs") == s.Number("available_number_of_packs") {
			lines = append(lines, atoll.Fields{}.Set("stock_line_id", s.ID("id")).Set("counted_number_of_packs", number(counted)))
		}
	}
	d.try("stocktake", d.home(store), "stocktake", atoll.Fields{}.Set("store_id", d.Stores[store]), lines, documents.Finalise)
}

// mergeItems makes one item of two.
func (d *district) mergeItems() {
	active := slices.DeleteFunc(slices.Clone(d.items), func(id atoll.ID) bool { return d.into[id] != "" })
	from, into := active[0], active[1+d.random.IntN(len(active)-1)]
	d.world.merge(1, "item", from, into)
	d.into[from] = into
	d.did["merge"]++
}

// play plays one day.
func (d *district) play() {
	d.day++
	d.Clock.Wind(24 * time.Hour)
	monday, stores := d.day%7 == 1, append([]string{"CMS"}, d.clinics()...)
	if monday {
		d.purchase()
	}
	for _, store := range stores {
		d.morning(store)
		if supplier[store] != "" {
			if monday {
				d.orders(store)
			}
			d.dispense(store)
			if d.chance(8) {
				d.returns(store)
			}
		}
		d.deliveries(store)
		if d.chance(6) {
			d.stocktake(store)
		}
	}
	switch {
	case d.day == 10: // the same woman was registered in the hospital and in its clinic
		d.world.merge(d.home("K1"), "patient", d.patient["K1"], d.patient["H1"])
		d.did["merge"]++
	case d.day%7 == 3:
		d.mergeItems()
	}
	for _, at := range d.sites {
		if d.chance(70) {
			_, _ = d.Sync(d.ctx, at) // it may be cut, or refused while the site is set up again
		}
	}
}

// TestDistrict plays a month of a small district: orders weekly, deliveries,
// returns, stocktakes, dispensing, a merge a week, a store that moves, a site that
// is restored from a backup. In the end every site and the centre agree, the
// centre's reports are those of the owners, every transfer is paired or listed as
// an exception, and the ledger is clean (R-J-01, R-J-09, R-D-52, R-E-21, R-H-39).
func TestDistrict(t *testing.T) {
	if testing.Short() {
		t.Skip("a month")
	}
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { district1(t, seed) })
	}
}

func district1(t *testing.T, seed uint64) {
	d := newDistrict(t, seed)
	var backup *image
	var move atoll.ID
	restored := d.sites[2] // H2, K3, K4
	for range 30 {
		for _, n := range d.Sites {
			n.Net.CutDown = func() int { return d.random.IntN(60) - 20 }
			n.Net.CutUp = func() int { return d.random.IntN(60) - 20 }
			n.Net.Twice = func() bool { return d.chance(10) }
		}
		d.play()
		switch d.day {
		case 8:
			backup = d.stopped(t, d.Sites[restored])
		case 15:
			d.mend() // a move begins with two sites that are up to date
			d.sync(d.sites[3], d.sites[4])
			move = d.world.move("K5", d.sites[4])
		case 20:
			d.mend()
			d.sync(restored) // what it had not sent would be lost with its disk
			d.reopen(t, d.Sites[restored], backup)
			if _, err := d.Sync(d.ctx, restored); err == nil {
				t.Error("a site restored from a backup may synchronise")
			}
			d.replace(restored)
			d.sync(restored)
			d.did["restore"]++
		}
	}
	d.mend()
	if err := d.Settle(d.ctx); err != nil {
		t.Fatal(err)
	}
	d.wants(move, topology.Moved)
	for range 4 { // what is still on its way arrives
		for _, store := range append([]string{"CMS"}, d.clinics()...) {
			d.morning(store)
		}
		if err := d.Settle(d.ctx); err != nil {
			t.Fatal(err)
		}
	}
	d.peace()
	d.agree()
	t.Logf("in %d days: %v; the centre has %d records", d.day, d.did, d.count())
	for _, what := range []string{"order", "delivery", "receipt", "return", "stocktake", "prescription", "merge", "purchase", "restore"} {
		if d.did[what] == 0 {
			t.Errorf("not one %s in a month", what)
		}
	}
}

func (d *district) count() (n int) {
	counts, err := d.Centre.Counts(d.ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, c := range counts {
		n += c
	}
	return n
}

// agree compares the centre's reports with those of the owners.
func (d *district) agree() {
	d.t.Helper()
	table := func(at atoll.SiteID, name string, q report.Question) *report.Table {
		d.t.Helper()
		out, err := d.At(at).Report(d.ctx, name, q)
		if err != nil {
			d.t.Fatalf("report %s at site %d: %v", name, at, err)
		}
		return out
	}
	rows := 0
	for _, store := range append([]string{"CMS"}, d.clinics()...) {
		for _, name := range []string{"stock", "use"} {
			q := report.Question{Stores: []atoll.ID{d.Stores[store]}}
			if name == "stock" {
				q.By = report.ByBatch
			}
			own, copied := table(d.home(store), name, q), table(1, name, q)
			rows += len(own.Rows)
			if fmt.Sprint(own.Rows) != fmt.Sprint(copied.Rows) {
				d.t.Errorf("report %s of %s: the owner says\n%v\nthe centre says\n%v", name, store, own.Rows, copied.Rows)
			}
		}
	}
	if rows < 50 {
		d.t.Errorf("the reports have %d rows in all", rows)
	}
	for _, n := range d.Nodes() {
		d.balanced(n.Door.Site)
	}
	if r := d.want(1, "patient", d.patient["K1"]); r.Survivor != d.patient["H1"] {
		d.t.Errorf("at the centre the patient of K1 is %q", r.Survivor)
	}
	for _, r := range d.list(1, "prescription", "store_id", string(d.Stores["K1"])) {
		if got := d.stored(1, "prescription", r.ID, "patient_id"); got != d.patient["H1"] {
			d.t.Errorf("%s names patient %s, who was merged", r.Key, got)
		}
	}
	// No merged item is in any report.
	for _, row := range table(1, "stock", report.Question{By: report.BySystem}).Rows {
		for id, into := range d.into {
			if slices.Contains(row, string(id)) {
				d.t.Errorf("item %s, merged into %s, is in the report: %v", id, into, row)
			}
		}
	}
	for _, f := range []transfer.Filter{{Exceptions: true}, {InTransit: true}} {
		list, err := d.Centre.Centre.Transfers(d.ctx, f)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, x := range list {
			d.t.Errorf("left over: %+v", x)
		}
	}
}
