package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/topology"
)

// stage is where one scenario is played. Its methods do things at sites, tell
// them, and look at what came of them. What cannot be done ends the scenario; what
// is not as it should be is noted, and the scenario goes on.
type stage struct {
	*world
	ctx    context.Context //nolint:containedctx // a stage is one scenario
	result *Result
	index  int
	quiet  bool // what is done is not told
	round  int  // of a scenario that begins several times; 0 otherwise
}

// ended is thrown by a stage to end its scenario early, and caught by play.
type ended struct{}

// play plays one scenario.
func (d *Demo) play(ctx context.Context, index int, sc scenario) (r Result) {
	r = Result{ID: sc.id, Part: sc.part, Title: sc.title, Verdict: Held}
	switch {
	case sc.absent != "":
		r.Verdict, r.Why = Absent, []string{sc.absent}
	case sc.mirrored && !d.Mirrored:
		r.Verdict = Elsewhere
	}
	d.told.scene(sc)
	if r.Verdict != Held {
		d.told.verdict(r)
		return r
	}
	begin := d.Now()
	s := &stage{world: d.world, ctx: ctx, result: &r, index: index}
	defer func() {
		r.Seconds = d.Now().Sub(begin).Seconds()
		for _, p := range d.world.sites { // also after a scenario that ended early
			p.line.set(false)
		}
		if x := recover(); x != nil {
			if _, ok := x.(ended); !ok {
				panic(x)
			}
		}
		if ctx.Err() != nil {
			return // it was not played to its end
		}
		if len(r.Why) > 0 {
			r.Verdict = NotHeld
		} else if r.Checks == 0 {
			r.Verdict, r.Why = NotHeld, []string{"nothing was looked at"}
		}
		d.told.verdict(r)
	}()
	sc.run(s)
	return r
}

// say tells what happens at a place.
func (s *stage) say(place, format string, args ...any) {
	if s.quiet {
		return
	}
	text := fmt.Sprintf(format, args...)
	s.result.Steps = append(s.result.Steps, Step{place, text, false, true})
	s.told.tell(place, text)
}

// place is what a site is called in the story.
func place(at atoll.SiteID) string {
	if at == centreSite {
		return "Centre"
	}
	return fmt.Sprintf("Site %d", at)
}

// spot is place inside a sentence.
func spot(at atoll.SiteID) string {
	if at == centreSite {
		return "the centre"
	}
	return fmt.Sprintf("site %d", at)
}

// check tells a fact that must be so, if it is.
func (s *stage) check(at atoll.SiteID, ok bool, format string, args ...any) bool {
	s.result.Checks++
	text := fmt.Sprintf(format, args...)
	s.result.Steps = append(s.result.Steps, Step{place(at), text, true, ok})
	s.told.found(place(at), text, ok)
	if !ok {
		s.result.Why = append(s.result.Why, "not so at "+spot(at)+": "+text)
	}
	return ok
}

// same tells a value that must be the one that is wanted.
func (s *stage) same(at atoll.SiteID, what string, got, want any) bool {
	g, w := fmt.Sprint(got), fmt.Sprint(want)
	if g == w {
		return s.check(at, true, "%s: %s", what, w)
	}
	return s.check(at, false, "%s: %s (found: %s)", what, w, g)
}

// packs tells a number of packs; 10 and 10.0 are the same.
func (s *stage) packs(at atoll.SiteID, what, got, want string) {
	if documents.Compare(got, want) == 0 {
		got = want
	}
	s.same(at, what, got, want)
}

// stop ends the scenario: what comes next makes no sense.
func (s *stage) stop(at atoll.SiteID, format string, args ...any) {
	s.check(at, false, format, args...)
	panic(ended{})
}

// must ends the scenario when something that had to work did not.
func (s *stage) must(at atoll.SiteID, err error) {
	if s.ctx.Err() != nil {
		panic(ended{}) // the reader stopped the demo; nothing failed
	}
	if err != nil {
		s.stop(at, "it failed: %s", words(err))
	}
}

// words is an error as a person reads it.
func words(err error) string {
	var e *atoll.Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return err.Error()
}

// refused wants an error with one of the codes, and tells its words.
func (s *stage) refused(at atoll.SiteID, what string, err error, codes ...atoll.Code) {
	if err == nil {
		s.check(at, false, "%s is refused", what)
		return
	}
	ok := false
	for _, c := range codes {
		ok = ok || errors.Is(err, c)
	}
	s.check(at, ok, "%s is refused: %q", what, words(err))
}

// sync runs one full cycle of each of the sites, in this order.
func (s *stage) sync(ids ...atoll.SiteID) (last site.Cycle) {
	for _, id := range ids {
		if id == s.LeaveOut {
			s.say(fmt.Sprintf("Sync %d", id), "left out, as asked")
			continue
		}
		row, err := s.world.sync(s.ctx, id)
		s.must(id, err)
		s.say(fmt.Sprintf("Sync %d", id), "%s", carried(row))
		last = row
	}
	return last
}

// carried tells what a cycle carried.
func carried(c site.Cycle) string {
	text := fmt.Sprintf("%s up, %s down", count(c.Offered, "entry", "entries"), count(c.Received, "record", "records"))
	if n := c.Retracted + c.Integrated.Retracted; n > 0 {
		text += ", " + count(n, "record", "records") + " withdrawn"
	}
	return fmt.Sprintf("%s; %s out, %s in, %d ms", text, size(c.BytesOut), size(c.BytesIn), c.Took.Milliseconds())
}

func size(n int64) string { return humanize.Bytes(uint64(max(0, n))) }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(int64(n)) + " " + many
}

// week lets a week pass.
func (s *stage) week() {
	s.clock.wind(7 * 24 * time.Hour)
	s.say("", "A week passes.")
}

// medicine is the item of this scenario; n chooses another.
func (s *stage) medicine(n int) medicine { return s.items[(s.index*7+n)%len(s.items)] }

// name is the full name of a store.
func (s *stage) name(store string) string {
	for _, p := range s.places {
		if p.code == store {
			return p.name
		}
	}
	return store
}

// id is a new id.
func (s *stage) id() atoll.ID { return atoll.NewID(s.clock.now()) }

// edit makes records at a site.
func (s *stage) edit(at atoll.SiteID, do ...journal.Proposal) {
	s.must(at, s.world.edit(s.ctx, at, do...))
}

// try is edit for what may be refused.
func (s *stage) try(at atoll.SiteID, do ...journal.Proposal) error {
	return s.world.edit(s.ctx, at, do...)
}

// act runs an act of documents at a site.
func (s *stage) act(at atoll.SiteID, act func(documents.Desk) ([]journal.Proposal, error)) error {
	_, err := s.at(at).host.Station.Act(s.ctx, clerk(at), atoll.Cause{Kind: "user"}, act)
	return err
}

// configure changes the configuration at the centre.
func (s *stage) configure(c central.Configuration) central.Preview {
	p, err := s.centre.host.Centre.Configure(s.ctx, clerk(centreSite), c)
	s.must(centreSite, err)
	return p
}

// seenByA makes a store and A visible to each other, or not.
func (s *stage) seenByA(store string, visible bool) { s.visible("A", store, visible) }

// visible makes two stores visible to each other, or not.
func (s *stage) visible(a, b string, visible bool) {
	s.configure(central.MakeVisible(s.stores[a], s.stores[b], visible))
	state := "visible to each other"
	if !visible {
		state = "no longer visible to each other"
	}
	s.say("Centre", "%s and %s are made %s", s.name(a), s.name(b), state)
}

// batch names the batches of this scenario: nobody else's stock has them.
func (s *stage) batch(store string) string {
	b := strings.TrimPrefix(s.result.ID, "R-") + "-" + store
	if s.round > 0 {
		b += fmt.Sprintf("-%d", s.round)
	}
	return b
}

// stock puts packs of a medicine into a store, in a batch of this scenario.
func (s *stage) stock(store string, m medicine, packs string) atoll.ID {
	id := s.id()
	at := s.home(store)
	s.edit(at, insert("stock_line", id, m.stock(s.stores[store], s.batch(store), packs)))
	s.say(place(at), "%s has %s packs of %s, batch %s", s.name(store), packs, m.name, s.batch(store))
	return id
}

// ship makes and finalises a customer invoice over packs of a stock line.
func (s *stage) ship(from, to string, line atoll.ID, packs ...string) atoll.ID {
	return s.shipFor(from, to, "", line, packs...)
}

// shipFor is ship for a shipment that answers a response requisition.
func (s *stage) shipFor(from, to string, response, line atoll.ID, packs ...string) atoll.ID {
	id, err := s.tryShip(from, to, response, line, packs...)
	at := s.home(from)
	s.must(at, err)
	n := s.want(at, "invoice", id).Fields.Int("number")
	s.say(place(at), "%s finalises customer invoice %d to %s: %s", s.name(from), n, s.name(to), quantity(packs))
	return id
}

// quantity tells what is on the lines of a shipment.
func quantity(packs []string) string {
	switch {
	case len(packs) == 1 && packs[0] == "1":
		return "1 line, 1 pack"
	case len(packs) == 1:
		return "1 line, " + packs[0] + " packs"
	}
	return fmt.Sprintf("%d lines, %s packs", len(packs), strings.Join(packs, " and "))
}

// tryShip is shipFor for what may be refused.
func (s *stage) tryShip(from, to string, response, line atoll.ID, packs ...string) (atoll.ID, error) {
	id, err := s.draft(documents.CustomerInvoice, from, to, response, line, packs...)
	if err != nil {
		return id, err
	}
	return id, s.act(s.home(from), func(d documents.Desk) ([]journal.Proposal, error) { return d.Finalise(id) })
}

// draft makes an invoice with a line for each number of packs, not finalised.
func (s *stage) draft(kind, from, to string, response, line atoll.ID, packs ...string) (atoll.ID, error) {
	at := s.home(from)
	stock := s.want(at, "stock_line", line).Fields
	id := s.id()
	header := atoll.Fields{}.Set("store_id", s.stores[from]).Set("kind", kind).Set("status", documents.New).
		Set("name_id", topology.StoreNameID(s.stores[to]))
	if response != "" {
		header.Set("requisition_id", response)
	}
	do := []journal.Proposal{insert("invoice", id, header)}
	for _, p := range packs {
		f := atoll.Fields{}.Set("invoice_id", id).Set("store_id", s.stores[from]).Set("kind", "stock_out").
			Set("stock_line_id", line).Set("number_of_packs", json.Number(p))
		for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size", "cost_price_per_pack", "sell_price_per_pack"} {
			f[name] = stock[name]
		}
		do = append(do, insert("invoice_line", s.id(), f))
	}
	return id, s.try(at, do...)
}

// order makes and finalises a request requisition of one store to another.
func (s *stage) order(from, to string, m medicine, quantity string) atoll.ID {
	id, err := s.tryOrder(from, to, m, quantity)
	at := s.home(from)
	s.must(at, err)
	n := s.want(at, "requisition", id).Fields.Int("number")
	s.say(place(at), "%s finalises request requisition %d to %s: %s of %s", s.name(from), n, s.name(to), quantity, m.name)
	return id
}

func (s *stage) tryOrder(from, to string, m medicine, quantity string) (atoll.ID, error) {
	at, id := s.home(from), s.id()
	err := s.try(at,
		insert("requisition", id, atoll.Fields{}.Set("store_id", s.stores[from]).Set("kind", documents.Request).Set("status", documents.New).
			Set("name_id", topology.StoreNameID(s.stores[to]))),
		insert("requisition_line", s.id(), atoll.Fields{}.Set("requisition_id", id).Set("store_id", s.stores[from]).
			Set("item_id", m.id).Set("requested_quantity", json.Number(quantity))))
	if err != nil {
		return id, err
	}
	return id, s.act(at, func(d documents.Desk) ([]journal.Proposal, error) { return d.FinaliseRequisition(id) })
}

// receive takes an incoming document off hold and into stock.
func (s *stage) receive(store string, id atoll.ID) {
	at := s.home(store)
	s.must(at, s.act(at, func(d documents.Desk) ([]journal.Proposal, error) { return d.Receive(id) }))
	s.say(place(at), "%s takes it off hold and into stock", s.name(store))
}
