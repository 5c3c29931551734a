package hunt

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/wire"
)

// hostileFaults are sites that were taken over.
var hostileFaults = []Fault{
	{
		Name: "hostile", Words: "somebody with a site's key forges what the site says; it changes nothing and reads nothing that the site should not",
		Usual: 2, Apart: true, Event: hostile,
		Kinds: []string{
			"site", "device", "timeline", "turn", "nonce", "position", "gap", "hash", "entry", "protocol", "greed",
			"ownership", "epoch", "base", "restatement", "configuration", "type",
		},
	},
}

// calm is a line without faults: what a forger hears is held to the letter.
type calm struct{ line }

func (l *calm) RoundTrip(req *http.Request) (*http.Response, error) {
	if !l.w.Alive(l.w.Centre) {
		return nil, errRefused
	}
	down := &sheet{header: http.Header{}, most: -1}
	l.w.handle(l.site, req, &tape{in: req.Body, cut: -1, pause: -1}, down)
	if !l.w.Alive(l.w.Centre) {
		return nil, errReset
	}
	return l.response(req, down, -1), nil
}

// forger speaks to the centre with the key of a site.
type forger struct {
	w      *World
	n      *Node
	client *wire.Client
	state  central.SiteState
	known  atoll.Head
	at     atoll.Position
}

func hostile(w *World, d Dice) error {
	n, ok := Pick(d, w.Nodes()[1:])
	if !ok || !w.Alive(w.Centre) || !w.Works(n) || w.old[n.Name] != nil || w.cloned(n.Identity.Site) {
		return ErrIdle
	}
	f := &forger{w: w, n: n}
	if err := f.look(); err != nil || f.state.Turn == 0 || f.state.Initialisation != central.InitCompleted {
		return cmp.Or(err, ErrIdle)
	}
	var err error
	f.client, err = wire.NewClient(wire.ClientOptions{
		URL: "http://centre.example", AllowPlain: true, Site: n.Identity.Site, System: simulate.System, Device: simulate.Device(n.Name),
		Key: w.key(n.Name), Now: n.Clock.Now, Idle: 24 * time.Hour, Transport: &calm{line{w, n.Identity.Site, n.Name}},
	})
	if err != nil {
		return err
	}
	defer f.client.Close()
	w.Struck("hostile", "somebody has the key of %s", n.Name)
	if d.Chance(30) {
		return f.takeOver(d)
	}
	for range 3 {
		if err := f.lie(d); err != nil || !w.Alive(w.Centre) {
			return err
		}
	}
	return nil
}

// look reads where the centre stands.
func (f *forger) look() error {
	return f.w.Centre.Store.View(f.w.Ctx, func(r storage.Reader) (err error) {
		if f.state, err = central.State(r, f.n.Identity.Site); err != nil {
			return err
		}
		if f.known, err = r.Head(f.n.Identity.Site); err != nil {
			return err
		}
		f.at, err = r.LastPosition()
		return err
	})
}

// hello is what the site said last, said once more: the exchange that it repeats is
// over, so the honest database does not notice.
func (f *forger) hello() exchange.Hello {
	c := f.w.Centre.Catalogue
	return exchange.Hello{
		Protocol: exchange.Protocol, Catalogue: c.Version(), CatalogueHash: c.Hash(), App: "test", Site: f.n.Identity.Site, Device: f.state.Device,
		Timeline: f.state.Timeline, Turn: f.state.Turn, Nonce: f.state.Nonce, Acknowledged: f.known, Head: f.known, Cursor: f.state.Cursor,
		Clock: f.n.Clock.Now().UnixMilli(),
	}
}

// say says it, and holds what is heard to the site's subscription.
func (f *forger) say(h exchange.Hello, entries ...exchange.Entry) (rc exchange.Receipt, err error) {
	list := func(yield func(exchange.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
	entitled := f.w.Topology(f.w.Centre).Subscription(f.n.Identity.Site)
	for frame, ferr := range f.client.Exchange(f.w.Ctx, h, iter.Seq2[exchange.Entry, error](list)) {
		if ferr != nil {
			return rc, ferr
		}
		switch frame := frame.(type) {
		case exchange.Receipt:
			rc = frame
		case exchange.Record:
			if err := f.heard(frame, entitled); err != nil {
				return rc, err
			}
		}
	}
	return rc, nil
}

func (f *forger) heard(r exchange.Record, entitled []atoll.Audience) error {
	f.w.Looked("entitled", 1)
	if r.Gone || r.Deleted {
		return nil
	}
	return f.w.Centre.Store.View(f.w.Ctx, func(v storage.Reader) error {
		rec, err := v.Record(r.Key)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(rec.Audiences, func(a atoll.Audience) bool { return slices.Contains(entitled, a) }) {
			f.w.Breach("entitled", "who has the key of %s reads %s, which is for %v", f.n.Name, r.Key, rec.Audiences)
		}
		return nil
	})
}

// lie says what is not so of the site. Each lie but the greedy one must be refused;
// none may change anything.
func (f *forger) lie(d Dice) error {
	h, refused := f.hello(), true
	way, lie := "", ""
	var entries []exchange.Entry
	switch d.IntN(11) {
	case 0:
		other, _ := Pick(d, f.w.Nodes())
		if other == f.n {
			return ErrIdle
		}
		way, lie, h.Site = "site", "that it is "+other.Name, other.Identity.Site
	case 1:
		way, lie, h.Device = "device", "that it is another device", "another"
	case 2:
		way, lie, h.Timeline = "timeline", "that its database is another", "0123456789abcdef0123456789abcdef"
	case 3:
		way, lie, h.Turn = "turn", "what it said before", h.Turn-1
	case 4:
		way, lie, h.Nonce = "nonce", "another thing than it said", "0123456789abcdef"
	case 5:
		way, lie, h.Acknowledged.Seq = "position", "that more is acknowledged than it made", h.Head.Seq+1000
	case 6:
		if h.Acknowledged.Seq == 0 {
			return ErrIdle
		}
		way, lie, h.Acknowledged.Hash = "hash", "that its journal is another", atoll.Digest([]byte("another"))
	case 7:
		way, lie, h.Protocol = "protocol", "that it is newer than the centre", exchange.Protocol+1
	case 8:
		way, lie = "gap", "that it made an entry, and leaves out the one before it"
		h.Turn, h.Nonce, h.Head.Seq = h.Turn+1, "gap", h.Head.Seq+2
		entries = []exchange.Entry{{Seq: h.Head.Seq, Content: f.harmless()}}
	case 9:
		way, lie = "entry", "that its journal ends with another entry than the one it sends"
		h.Turn, h.Nonce, h.Head.Seq = h.Turn+1, "entry", h.Head.Seq+1
		meant, sent := f.harmless(), f.harmless()
		h.Head.Hash = atoll.Chain(h.Head.Hash, h.Site, h.Timeline, h.Head.Seq, atoll.Digest(meant))
		h.Head.Timeline = h.Timeline
		entries = []exchange.Entry{{Seq: h.Head.Seq, Content: sent}}
	default:
		refused = false
		way, lie, h.Cursor, h.Records, h.Bytes = "greed", "that it lacks everything, also of others", 0, 1<<30, 1<<40
		for _, s := range f.w.Topology(f.w.Centre).Stores() {
			for _, kind := range []string{"store", "core", "to"} {
				h.Backfills = append(h.Backfills, exchange.Backfill{Audience: atoll.Audience(fmt.Sprintf("%s/%s", kind, s.ID))})
			}
		}
		h.Backfills = append(h.Backfills, exchange.Backfill{Audience: "dispensary"})
		slices.SortFunc(h.Backfills, func(a, b exchange.Backfill) int { return cmp.Compare(a.Audience, b.Audience) })
		h.Voucher = &exchange.Voucher{Seq: 1 << 40, Mark: "forged"}
	}
	f.w.StruckBy("hostile", way)
	f.w.Say("and says %s", lie)
	before := f.known
	_, err := f.say(h, entries...)
	if !f.w.Alive(f.w.Centre) {
		return nil
	}
	if refused && err == nil {
		f.w.Breach("owned", "who has the key of %s says %s, and the centre believes it", f.n.Name, lie)
	}
	at := f.at
	if lerr := f.look(); lerr != nil {
		return lerr
	}
	if f.known != before || f.at != at {
		f.w.Breach("owned", "who has the key of %s says %s, and it changes the centre's database", f.n.Name, lie)
	}
	if err != nil {
		f.w.Say("refused: %s", atoll.CodeOf(err))
	}
	return nil
}

// takeOver works as the site: what it makes is forged in all ways an entry can be.
// All of it must be refused, and kept. The honest database is found to be another one
// afterwards, and is initialised again.
func (f *forger) takeOver(d Dice) error {
	w, own := f.w, f.n.Identity.Site
	if !w.swaps() || w.uninformed[own] {
		return ErrIdle // the honest database would have to be given up; see centreRestored
	}
	ops := f.forgeries(d)
	h := f.hello()
	h.Turn, h.Nonce = h.Turn+1, "forged"
	var entries []exchange.Entry
	before := map[atoll.Key]atoll.Record{}
	head := f.known
	for _, op := range ops {
		before[op.Key] = f.record(op.Key)
		content := f.entry(op)
		head.Seq++
		head.Hash = atoll.Chain(head.Hash, own, h.Timeline, head.Seq, atoll.Digest(content))
		head.Timeline = h.Timeline
		entries = append(entries, exchange.Entry{Seq: head.Seq, Content: content})
		w.Provoked(head.Hash, atoll.Origin{Site: own, Seq: head.Seq}, "it is forged")
	}
	h.Head = head
	w.Say("and works as the site: %d forged entries", len(entries))
	w.old[f.n.Name] = &outdated{until: d.Between(1, 7) * 1440}
	rc, err := f.say(h, entries...)
	if !w.Alive(w.Centre) {
		return nil
	}
	if err != nil {
		return err
	}
	w.old[f.n.Name].must = true
	if rc.Applied != 0 || rc.Quarantined != len(entries) {
		w.Breach("owned", "of %d entries forged with the key of %s the centre takes %d and refuses %d", len(entries), f.n.Name, rc.Applied, rc.Quarantined)
	}
	w.Looked("owned", len(entries))
	for _, op := range ops {
		if now := f.record(op.Key); now.Version != before[op.Key].Version || now.Origin != before[op.Key].Origin {
			w.Breach("owned", "an entry forged with the key of %s changes %s", f.n.Name, op.Key)
		}
	}
	w.images[w.Centre.Name] = nil // the honest database will be lost; see centreRestored
	return nil
}

// harmless is an entry about nothing that was there before.
func (f *forger) harmless() []byte {
	return f.entry(atoll.Operation{
		Verb: atoll.Insert, Key: atoll.Key{Type: "name", ID: f.w.NewID(f.n)}, Version: 1, Fields: atoll.Fields{}.Set("name", "x"),
	})
}

// entry is the content of a forged entry.
func (f *forger) entry(op atoll.Operation) []byte {
	e := atoll.Entry{Time: f.n.Clock.Now(), Actor: "mallory", Cause: atoll.Cause{Kind: "user"}, Catalogue: f.w.Centre.Catalogue.Version(), Operations: []atoll.Operation{op}}
	return e.Encode()
}

func (f *forger) record(key atoll.Key) (rec atoll.Record) {
	_ = f.w.Centre.Store.View(f.w.Ctx, func(r storage.Reader) (err error) {
		rec, err = r.Record(key)
		return err
	})
	return rec
}

// forgeries are operations on what is not the site's.
func (f *forger) forgeries(d Dice) []atoll.Operation {
	w, t := f.w, f.w.Topology(f.w.Centre)
	var out []atoll.Operation
	others := slices.DeleteFunc(slices.Clone(t.Stores()), func(s topology.Store) bool { return s.Site == f.n.Identity.Site })
	fresh := func(kind atoll.Type) atoll.Key { return atoll.Key{Type: kind, ID: w.NewID(f.n)} }
	forge := func(way string, op atoll.Operation) {
		w.StruckBy("hostile", way)
		out = append(out, op)
	}
	for _, s := range Some(d, 2, others) {
		rec := f.record(atoll.Key{Type: "store", ID: s.ID})
		epoch := uint64(rec.MustFields().Int("epoch"))
		forge("configuration", atoll.Operation{
			Verb: atoll.Update, Key: rec.Key, Version: rec.Version + 1, Base: rec.Origin, Fields: atoll.Fields{}.Set("site_id", int(f.n.Identity.Site)),
		})
		forge("ownership", atoll.Operation{
			Verb: atoll.Insert, Key: fresh("invoice"), Version: 1, Epoch: epoch,
			Fields: atoll.Fields{}.Set("store_id", s.ID).Set("kind", "customer_invoice").Set("status", "new"),
		})
		for _, doc := range Some(d, 2, w.List(w.Centre, "invoice", "store_id", string(s.ID))) {
			rec := f.record(doc.Key)
			next := atoll.Operation{Verb: atoll.Update, Key: rec.Key, Version: rec.Version + 1, Base: rec.Origin, Epoch: epoch, Fields: atoll.Fields{}.Set("comment", "mine now")}
			way := "ownership"
			switch d.IntN(4) {
			case 0:
				way, next.Base.Seq = "base", next.Base.Seq+7
			case 1:
				way, next.Epoch = "epoch", next.Epoch+1
			case 2:
				way, next.Verb, next.Fields = "restatement", atoll.Restate, rec.MustFields().Apply(next.Fields)
			}
			forge(way, next)
		}
	}
	mine := slices.DeleteFunc(slices.Clone(t.Stores()), func(s topology.Store) bool { return s.Site != f.n.Identity.Site })
	for _, s := range Some(d, 1, mine) { // its own, under an ownership that is over or that never was
		epoch := uint64(f.record(atoll.Key{Type: "store", ID: s.ID}).MustFields().Int("epoch")) + 1
		forge("epoch", atoll.Operation{
			Verb: atoll.Insert, Key: fresh("invoice"), Version: 1, Epoch: epoch,
			Fields: atoll.Fields{}.Set("store_id", s.ID).Set("kind", "customer_invoice").Set("status", "new"),
		})
	}
	forge("type", atoll.Operation{Verb: atoll.Insert, Key: fresh("backdoor"), Version: 1, Fields: atoll.Fields{}.Set("name", "x")})
	return out
}
