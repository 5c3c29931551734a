package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/wire"
)

// The sites of the fixture.
const (
	centreSite  = atoll.CentreID
	firstSite   = atoll.SiteID(2)
	secondSite  = atoll.SiteID(3)
	primarySite = atoll.SiteID(4)
)

// interval is the time between two cycles once the schedules run.
const interval = 15 * time.Second

// past is how long ago the story begins.
const past = 8 * 7 * 24 * time.Hour

// premise is a store: its code is the letter that the scenarios call it by.
type premise struct {
	code, name, address, phone string
	dispensary                 bool
	site                       atoll.SiteID
	latitude, longitude        json.Number
}

// premises are the stores of the fixture.
var premises = []premise{
	{"A", "A Central Medical Store", "12 Harbour Road, Port Amani", "555 0100", false, centreSite, "-4.0435", "39.6682"},
	{"B", "B Bahari Hospital", "Hospital Hill, Bahari", "555 0120", true, firstSite, "-3.2175", "40.1191"},
	{"C", "C Chemchemi Clinic", "Market Street 4, Chemchemi", "555 0134", true, secondSite, "-1.5177", "37.2634"},
	{"D", "D Daraja Dispensary", "By the old bridge, Daraja", "555 0141", true, secondSite, "-1.6820", "37.4110"},
	{"E", "E Emergency Reserve", "12 Harbour Road, hall 3, Port Amani", "555 0107", false, centreSite, "-4.0452", "39.6699"},
	{"F", "F Forodhani Theatre", "Hospital Hill, block F, Bahari", "555 0126", false, firstSite, "-3.2177", "40.1195"},
	{"P", "P Procurement Store", "Ministry of Health, Port Amani", "555 0190", false, primarySite, "-4.0547", "39.6636"},
}

// pairs are the visible pairs; P exists in F2 only.
var pairs = [][2]string{{"A", "B"}, {"A", "E"}, {"B", "C"}, {"B", "F"}, {"C", "D"}, {"A", "P"}}

// siteNames are the sites' names, which are their credentials too.
var siteNames = map[atoll.SiteID]string{firstSite: "Sync Client 1", secondSite: "Sync Client 2", primarySite: "Sync Client 3"}

// world is the fixture: its servers, and what the scenarios know of it.
type world struct {
	Options
	told    *teller
	clock   *clock
	centre  *server
	sites   map[atoll.SiteID]*server
	stores  map[string]atoll.ID
	places  []premise // where the stores are now
	items   []medicine
	traffic traffic
	// laws are the breaches of the laws of a fleet at peace, found before the
	// lasting scenarios.
	laws    []string
	checked bool
	base    context.Context //nolint:containedctx // the servers live as long as the world
}

// traffic is what all cycles carried.
type traffic struct {
	Cycles   int   `json:"cycles"`
	Failed   int   `json:"failed"`
	Entries  int   `json:"entries"`
	Records  int   `json:"records"`
	BytesOut int64 `json:"bytes_out"`
	BytesIn  int64 `json:"bytes_in"`
}

func (t *traffic) add(c site.Cycle) {
	t.Cycles++
	if c.Code != "" {
		t.Failed++
	}
	t.Entries += c.Offered
	t.Records += c.Received
	t.BytesOut += c.BytesOut
	t.BytesIn += c.BytesIn
}

// build makes the fixture and serves it. On failure it returns what there is, to
// be closed.
func build(ctx context.Context, o Options, told *teller) (*world, error) {
	w := &world{
		Options: o, told: told, clock: &clock{real: o.Now, behind: past}, sites: map[atoll.SiteID]*server{}, stores: map[string]atoll.ID{},
		places: slices.Clone(premises), base: ctx,
	}
	told.opening(o)
	if err := w.found(ctx); err != nil {
		return w, err
	}
	ids := []atoll.SiteID{firstSite, secondSite}
	if o.Mirrored {
		ids = append(ids, primarySite)
	}
	tickets := map[atoll.SiteID]wire.Ticket{}
	for _, id := range ids {
		var err error
		if tickets[id], err = w.addSite(ctx, id); err != nil {
			return w, err
		}
	}
	choices := []central.Configuration{central.Collect(w.stores["A"], firstSite, true), central.ManageOnly(w.stores["F"], true)}
	if o.Mirrored {
		choices = append(choices, central.MakePrimary(primarySite))
	}
	for _, c := range choices {
		if _, err := w.centre.host.Centre.Configure(ctx, admin, c); err != nil {
			return w, err
		}
	}
	for _, id := range ids {
		if err := w.open(ctx, id, siteNames[id], tickets[id]); err != nil {
			return w, err
		}
	}
	if err := w.stockUp(ctx); err != nil {
		return w, err
	}
	return w, w.settle(ctx)
}

// found makes the centre, its stores and the list of items.
func (w *world) found(ctx context.Context) error {
	c := &server{site: centreSite, name: "Centre", config: w.config("centre")}
	h, password, err := host.InitCentral(ctx, c.config, "Amani National Medical Supplies", admin, "")
	if err != nil {
		return err
	}
	c.host, c.password, w.centre = h, password, c
	if err := c.serve(w.base); err != nil {
		return err
	}
	w.told.server(c, "central server")
	if err := w.furnish(ctx); err != nil {
		return err
	}
	return w.layOut(ctx)
}

// layOut makes the stores and who sees whom.
func (w *world) layOut(ctx context.Context) error {
	var do []journal.Proposal
	for _, p := range premises {
		if p.site == primarySite && !w.Mirrored {
			continue
		}
		id := atoll.DeriveID("demo store", p.code)
		w.stores[p.code] = id
		if _, err := w.centre.host.Centre.Configure(ctx, admin, central.AddStore(id, p.code, p.name, p.dispensary)); err != nil {
			return err
		}
		do = append(do, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "store", ID: id}, Fields: atoll.Fields{}.
			Set("address1", p.address).Set("phone", p.phone)})
	}
	if err := w.edit(ctx, centreSite, do...); err != nil {
		return err
	}
	if err := w.locate(ctx); err != nil {
		return err
	}
	for _, p := range pairs {
		if w.stores[p[0]] == "" || w.stores[p[1]] == "" {
			continue
		}
		if _, err := w.centre.host.Centre.Configure(ctx, admin, central.MakeVisible(w.stores[p[0]], w.stores[p[1]], true)); err != nil {
			return err
		}
	}
	return nil
}

// locate says where the stores are: at the names by which others know them, which the
// centre has made of the stores.
func (w *world) locate(ctx context.Context) error {
	t, err := w.centre.host.Station.Topology(ctx)
	if err != nil {
		return err
	}
	var do []journal.Proposal
	for _, p := range premises {
		if s, ok := t.Store(w.stores[p.code]); ok && s.NameID != "" {
			do = append(do, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "name", ID: s.NameID}, Fields: atoll.Fields{}.
				Set("latitude", p.latitude).Set("longitude", p.longitude)})
		}
	}
	return w.edit(ctx, centreSite, do...)
}

// addSite makes a site at the centre with its stores, and returns its ticket.
func (w *world) addSite(ctx context.Context, id atoll.SiteID) (wire.Ticket, error) {
	var stores []atoll.ID
	for _, p := range premises {
		if p.site == id {
			stores = append(stores, w.stores[p.code])
		}
	}
	s, t, err := w.centre.host.AddSite(ctx, admin, siteNames[id], kindOf(id), stores)
	if err == nil && s.ID != id {
		err = atoll.Errorf(atoll.Internal, "the centre numbered a site %d, not %d", s.ID, id)
	}
	return t, err
}

// open sets up the installation of a site, enrols it, fills it and serves it. A
// site that was there has a new device.
func (w *world) open(ctx context.Context, id atoll.SiteID, name string, t wire.Ticket) error {
	s, again := w.sites[id]
	if !again {
		s = &server{site: id, name: name, config: w.config(fmt.Sprintf("site-%d", id))}
		l, err := lay(ctx, w.centre.host.Listen)
		if err != nil {
			return err
		}
		s.line, w.sites[id] = l, s
	}
	var err error
	if s.host, s.password, err = host.InitSite(ctx, s.config, admin, s.password); err != nil {
		return err
	}
	row, err := s.enrol(ctx, t)
	w.count(s, row)
	if err != nil {
		return err
	}
	if err := s.serve(w.base); err != nil {
		return err
	}
	if siteNames[id] == name && !again {
		w.told.server(s, "")
		w.told.received(row)
	}
	return nil
}

func (w *world) config(name string) host.Config {
	return host.Config{Data: filepath.Join(w.Dir, name), Now: w.clock.now, Log: w.Log, App: w.App, Listen: "127.0.0.1:0"}
}

// at returns the server of a site.
func (w *world) at(id atoll.SiteID) *server {
	if id == centreSite {
		return w.centre
	}
	return w.sites[id]
}

// all returns every site, the centre first.
func (w *world) all() []*server {
	out := []*server{w.centre}
	for _, id := range w.remotes() {
		out = append(out, w.sites[id])
	}
	return out
}

func (w *world) remotes() []atoll.SiteID { return slices.Sorted(maps.Keys(w.sites)) }

// home is the site where a store is active.
func (w *world) home(store string) atoll.SiteID {
	for _, p := range w.places {
		if p.code == store {
			return p.site
		}
	}
	return 0
}

// edit makes one transaction at a site, as its user.
func (w *world) edit(ctx context.Context, at atoll.SiteID, do ...journal.Proposal) error {
	_, err := w.at(at).host.Station.Edit(ctx, journal.Edit{Actor: clerk(at), Cause: atoll.Cause{Kind: "user"}, Do: do})
	return err
}

// clerk is who works at a site, for the journal.
func clerk(at atoll.SiteID) string {
	if name, ok := map[atoll.SiteID]string{centreSite: "amina", firstSite: "juma", secondSite: "zawadi", primarySite: "neema"}[at]; ok {
		return name
	}
	return "baraka"
}

// sync runs one full cycle of a site.
func (w *world) sync(ctx context.Context, id atoll.SiteID) (site.Cycle, error) {
	row, err := w.sites[id].host.Site.Cycle(ctx)
	w.count(w.sites[id], row)
	return row, err
}

func (w *world) count(s *server, row site.Cycle) {
	w.traffic.add(row)
	s.traffic.add(row)
}

// settle lets all sites synchronise until none has anything more to say or hear.
func (w *world) settle(ctx context.Context) error {
	const most = 20
	for range most {
		moved := 0
		for _, id := range w.remotes() {
			row, err := w.sync(ctx, id)
			if err != nil {
				return fmt.Errorf("site %d: %w", id, err)
			}
			moved += row.Sent + row.Received + row.Retracted
		}
		if moved == 0 {
			return nil
		}
	}
	return atoll.Errorf(atoll.Internal, "the sites do not come to rest after %d rounds", most)
}

// close ends all servers: sites first, then the lines, then the centre.
func (w *world) close() error {
	var errs []error
	for _, id := range w.remotes() {
		errs = append(errs, w.sites[id].shut())
		w.sites[id].line.close()
	}
	if w.centre != nil {
		errs = append(errs, w.centre.shut())
	}
	return errors.Join(errs...)
}
