package demo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
)

// chains are about goods that go through three stores, on three sites.
var chains = []scenario{
	{id: "R-C-100", title: "Chain: A to B to C", run: func(s *stage) { chain(s, s.syncs) }},
	{id: "R-C-101", title: "The chain over lines cut and doubled", run: roughChain},
	{id: "R-C-102", title: "The chain in any order of syncs", run: anyOrder},
	{id: "R-C-103", title: "Both directions at once: two pairs", run: bothAtOnce},
}

func (s *stage) syncs(ids ...atoll.SiteID) { s.sync(ids...) }

// chain sends 100 packs from A to B, and 60 of them on to C.
func chain(s *stage, sync func(...atoll.SiteID)) {
	line := s.stock("A", s.medicine(0), "100")
	first := s.ship("A", "B", line, "100")
	sync(firstSite)
	s.balance()
	half := s.answer(firstSite, "invoice", first)
	s.receive("B", half.ID)
	second := s.ship("B", "C", s.inStore("B").ID, "60")
	sync(firstSite)
	s.balance()
	sync(secondSite)
	s.balance()
	half = s.answer(secondSite, "invoice", second)
	s.receive("C", half.ID)
	sync(secondSite, firstSite)
	s.balance()
	s.chained()
}

// inStore is a store's only stock line of the batch.
func (s *stage) inStore(store string) station.Record {
	at := s.home(store)
	got := s.list(at, "stock_line", "store_id", string(s.stores[store]), "batch", s.batch("A"))
	if len(got) != 1 {
		s.stop(at, "%s has one stock line of the batch (found: %d)", store, len(got))
	}
	return got[0]
}

// chained looks at what came of a chain.
func (s *stage) chained() {
	batch := s.batch("A")
	got := fmt.Sprintf("A %s, B %s, C %s", s.onHand(centreSite, "A", batch), s.onHand(centreSite, "B", batch), s.onHand(centreSite, "C", batch))
	s.same(centreSite, "packs of the batch", got, "A 0, B 40, C 60")
	for at, want := range map[atoll.SiteID]string{firstSite: "A B F", secondSite: "C D"} {
		s.same(at, "stores with stock lines here", strings.Join(s.stocked(at), " "), want)
	}
	kinds := map[string]int{}
	for _, id := range s.documents(batch) {
		f := s.want(centreSite, "invoice", id).Fields
		kinds[s.code(f.ID("store_id"))+" "+f.Text("kind")]++
	}
	want := map[string]int{"A customer_invoice": 1, "B supplier_invoice": 1, "B customer_invoice": 1, "C supplier_invoice": 1}
	s.check(centreSite, fmt.Sprint(kinds) == fmt.Sprint(want), "each of the four documents exists once%s", unlike(kinds, want))
}

func unlike(got, want map[string]int) string {
	if fmt.Sprint(got) == fmt.Sprint(want) {
		return ""
	}
	return fmt.Sprintf(" (found: %v)", got)
}

// stocked lists the stores of which a site has stock lines.
func (s *stage) stocked(at atoll.SiteID) []string {
	found := map[string]int{}
	for _, r := range s.list(at, "stock_line") {
		if code := s.code(r.Fields.ID("store_id")); code != "" {
			found[code]++
		}
	}
	return sortedCodes(found)
}

// code is the letter of a store of the fixture.
func (s *stage) code(store atoll.ID) string {
	for code, id := range s.stores {
		if id == store {
			return code
		}
	}
	return ""
}

// lines are the document lines of a batch of this scenario, as the centre has them.
func (s *stage) lines(batch string) []station.Record {
	return slices.DeleteFunc(s.list(centreSite, "invoice_line", "item_id", string(s.medicine(0).id)), func(r station.Record) bool {
		return r.Fields.Text("batch") != batch
	})
}

// documents are the ids of the documents of a batch, each once.
func (s *stage) documents(batch string) []atoll.ID {
	var out []atoll.ID
	for _, l := range s.lines(batch) {
		if id := l.Fields.ID("invoice_id"); !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// balance wants the packs of the batch to be 100.
func (s *stage) balance() { s.conserved(s.batch("A"), "100") }

// transit adds up the packs of a batch that have left one store and are not in
// stock in another, as the centre knows.
func (s *stage) transit(batch string) string {
	transit, lines := "0", s.lines(batch)
	for _, l := range lines {
		if l.Fields.Text("kind") != "stock_out" || s.status(l) != documents.Finalised {
			continue
		}
		arrived := slices.ContainsFunc(lines, func(o station.Record) bool {
			return o.Fields.ID("originating_id") == l.ID && s.status(o) == documents.Finalised
		})
		if !arrived {
			transit = documents.Add(transit, l.Fields.Number("number_of_packs"))
		}
	}
	return transit
}

func (s *stage) status(line station.Record) string {
	return s.want(centreSite, "invoice", line.Fields.ID("invoice_id")).Fields.Text("status")
}

// roughChain is the chain with every sync broken off at random bytes and retried,
// and everything that was sent delivered once more.
func roughChain(s *stage) {
	draw := s.draw(s.result.ID)
	cuts, again := 0, 0
	chain(s, func(ids ...atoll.SiteID) {
		for _, id := range ids {
			c, a := s.rough(id, draw)
			cuts, again = cuts+c, again+a
		}
	})
	s.check(centreSite, cuts >= 5 && again >= 5, "lines broken: %d times; requests delivered twice: %d", cuts, again)
}

// rough runs a cycle that is broken off at least once, and delivers what each
// attempt sent a second time.
func (s *stage) rough(id atoll.SiteID, draw *rand.Rand) (cuts, again int) {
	if id == s.LeaveOut {
		s.sync(id)
		return 0, 0
	}
	l, before := s.sites[id].line, s.sites[id].line.broken()
	// The first is within the head of any request, the others anywhere.
	l.breaks(fuse{up, 1 + draw.IntN(300)}, fuse{draw.IntN(2), 1 + draw.IntN(1200)}, fuse{draw.IntN(2), 1 + draw.IntN(1200)})
	defer l.breaks()
	for attempt := 0; ; attempt++ {
		l.record()
		row, err := s.world.sync(s.ctx, id)
		n, rerr := l.replay(s.ctx)
		s.must(id, rerr)
		again += n
		switch {
		case err == nil:
			cuts = l.broken() - before
			s.say(fmt.Sprintf("Sync %d", id), "line broken %s; then %s; %s delivered twice", times(cuts), carried(row), count(again, "request", "requests"))
			return cuts, again
		case attempt > 5 || !errors.Is(err, atoll.Interrupted) && !errors.Is(err, atoll.Unavailable):
			s.must(id, err)
		}
	}
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// shuffles is how many orders of syncs are tried.
const shuffles = 6

// anyOrder is the chain with the syncs in random order: each store does its part as
// soon as it can, and nothing waits for anybody.
func anyOrder(s *stage) {
	s.quiet = true
	defer func() { s.quiet = false }()
	for s.round = 1; s.round <= shuffles; s.round++ {
		draw := s.draw(fmt.Sprintf("%s, order %d", s.result.ID, s.round))
		line := s.stock("A", s.medicine(0), "100")
		first := s.ship("A", "B", line, "100")
		var second atoll.ID
		order, done := []string{}, false
		for len(order) < 40 && !done {
			id := firstSite + atoll.SiteID(draw.IntN(2))
			order = append(order, id.String())
			if id == s.LeaveOut {
				continue
			}
			_, err := s.world.sync(s.ctx, id)
			s.must(id, err)
			if half := s.list(firstSite, "invoice", "originating_id", string(first)); second == "" && len(half) > 0 {
				s.receive("B", half[0].ID)
				second = s.ship("B", "C", s.inStore("B").ID, "60")
			}
			if second == "" {
				continue
			}
			if half := s.list(secondSite, "invoice", "originating_id", string(second)); len(half) > 0 {
				s.receive("C", half[0].ID)
				done = true
			}
		}
		for _, id := range []atoll.SiteID{secondSite, firstSite} {
			if id != s.LeaveOut {
				_, err := s.world.sync(s.ctx, id)
				s.must(id, err)
			}
			order = append(order, id.String())
		}
		s.quiet = false
		s.say(fmt.Sprintf("Order %d", s.round), "the same chain, syncs of sites %s", strings.Join(order, " "))
		s.quiet = true
		s.check(centreSite, done, "C received, without any step by hand")
		s.balance()
		s.chained()
	}
}

func bothAtOnce(s *stage) {
	m := s.medicine(0)
	inB, inC := s.stock("B", m, "30"), s.stock("C", m, "30")
	s.offline(firstSite, true)
	s.offline(secondSite, true)
	there, back := s.ship("B", "C", inB, "11"), s.ship("C", "B", inC, "12")
	s.offline(firstSite, false)
	s.offline(secondSite, false)
	s.sync(firstSite, secondSite, firstSite, secondSite)
	for _, id := range []atoll.ID{there, back} {
		s.same(centreSite, "answers to the customer invoice", len(s.list(centreSite, "invoice", "originating_id", string(id))), 1)
	}
	for _, at := range []atoll.SiteID{firstSite, secondSite} {
		n := 0
		for _, id := range []atoll.ID{there, back} {
			if s.get(at, "invoice", id) != nil {
				n += len(s.list(at, "invoice", "originating_id", string(id)))
			}
		}
		s.same(at, "pairs here", n, 2)
	}
	total := 0
	for _, batch := range []string{s.batch("B"), s.batch("C")} {
		total += len(s.documents(batch))
	}
	s.same(centreSite, "documents with the two batches", total, 4)
	s.receive("C", s.answer(secondSite, "invoice", there).ID)
	s.receive("B", s.answer(firstSite, "invoice", back).ID)
	s.sync(firstSite, secondSite, firstSite)
}
