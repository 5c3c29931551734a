package handover

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// The record types of this room.
const (
	moveType   = atoll.Type("store_move")
	jobType    = atoll.Type("job")
	markType   = atoll.Type("job_mark")
	reportType = atoll.Type("job_report")
)

// Order is a wanted move of a store.
type Order struct {
	Store atoll.ID
	To    atoll.SiteID
	// KeepCopy leaves a collector copy on the site it leaves; without it the store
	// is there what visibility makes it: a transfer store, or nothing (R-H-30 5).
	KeepCopy bool
	Reason   string
	// Limited says that the site it goes to is spared old documents.
	Limited bool
	// Forced moves the store without the site it leaves, from the copy at the centre
	// (R-H-37). SignedBy is who answers for what is lost, LostSince the moment from
	// which work of that site may be missing.
	Forced    bool
	SignedBy  string
	LostSince time.Time
}

// Start returns the proposals that begin the move; id is the move's. What speaks
// against it was asked before (see Obstacles).
func Start(d Desk, id atoll.ID, actor string, o Order) ([]journal.Proposal, error) {
	s, ok := d.T.Store(o.Store)
	if !ok {
		return nil, atoll.Errorf(atoll.NotFound, "there is no store %s", o.Store)
	}
	f := atoll.Fields{}.Set("store_id", o.Store).Set("from_site", s.Site).Set("to_site", o.To).Set("step", string(topology.Freeze)).
		Set("attempt", 1).Set("asked_at", atoll.Stamp(d.Now)).Set("asked_by", actor)
	if o.KeepCopy {
		f.Set("keep_copy", true)
	}
	if o.Limited {
		f.Set("limited", true)
	}
	if o.Reason != "" {
		f.Set("reason", o.Reason)
	}
	if !o.Forced {
		return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: moveType, ID: id}, Fields: f}}, nil
	}
	f.Set("forced", true).Set("signed_by", o.SignedBy).Set("reason", o.Reason)
	if !o.LostSince.IsZero() {
		f.Set("lost_since", atoll.Stamp(o.LostSince))
	}
	return d.change(id, atoll.Insert, f)
}

// Force goes on with a move whose site has fallen silent, from the centre's copy.
func Force(d Desk, id atoll.ID, signedBy string, lostSince time.Time) ([]journal.Proposal, error) {
	m, err := d.openMove(id, topology.Freeze)
	if err != nil {
		return nil, err
	}
	f := m.Clone().Set("forced", true).Set("signed_by", signedBy)
	if !lostSince.IsZero() {
		f.Set("lost_since", atoll.Stamp(lostSince))
	}
	return d.change(id, atoll.Update, f)
}

// Abort calls the move off: possible until the store has changed its site, and
// without effect on anything (R-H-35).
func Abort(d Desk, id atoll.ID, actor string) ([]journal.Proposal, error) {
	if _, err := d.openMove(id, topology.Freeze); err != nil {
		return nil, err
	}
	return []journal.Proposal{{Verb: atoll.Update, Key: atoll.Key{Type: moveType, ID: id}, Fields: atoll.Fields{}.
		Set("step", string(topology.Aborted)).Set("ended_at", atoll.Stamp(d.Now)).Set("ended_by", actor)}}, nil
}

// Again has the sites say anew what they hold: after what kept a move from going
// on was put right.
func Again(d Desk, id atoll.ID) ([]journal.Proposal, error) {
	m, err := d.openMove(id, topology.Freeze, topology.Backfill)
	if err != nil {
		return nil, err
	}
	return []journal.Proposal{{Verb: atoll.Update, Key: atoll.Key{Type: moveType, ID: id}, Fields: atoll.Fields{}.
		Set("attempt", m.Int("attempt")+1)}}, nil
}

// openMove reads a move that must be at one of the steps.
func (d Desk) openMove(id atoll.ID, steps ...topology.Step) (atoll.Fields, error) {
	r, err := d.R.Record(atoll.Key{Type: moveType, ID: id})
	if err != nil {
		return nil, atoll.Errorf(atoll.NotFound, "there is no move %s", id).Do("list them with: atoll move list")
	}
	f, err := r.Fields()
	if err != nil {
		return nil, err
	}
	at := topology.Step(f.Text("step"))
	for _, s := range steps {
		if s == at {
			return f, nil
		}
	}
	const back = "move the store back with: atoll move start"
	if at == topology.Backfill {
		return nil, atoll.Errorf(atoll.LifeCycle, "the store has changed its site already").Do(back).Because("move.switched")
	}
	return nil, atoll.Errorf(atoll.LifeCycle, "the move is over").Do(back).Because("move.over")
}

// Anew brings a move that a restored centre lost up to now, as it is taken back: the
// store is switched at this moment, and what its new site must have is what is here. It
// may have been worked in since the move was lost. Other records stay as they are.
func (d Desk) Anew(kind atoll.Type, f atoll.Fields) error {
	if kind != moveType || topology.Step(f.Text("step")) != topology.Backfill {
		return nil
	}
	holds, err := Selection{Store: f.ID("store_id"), Owned: true}.Digest(d.R, d.Catalogue)
	if err == nil {
		f.Set("digest", holds)
	}
	return err
}

// change returns the proposals that make the store active on its new site, with
// the next epoch, in one transaction with what becomes of the instance it leaves
// behind (R-H-30 4 and 5). F are the move's fields.
func (d Desk) change(id atoll.ID, verb atoll.Verb, f atoll.Fields) ([]journal.Proposal, error) {
	store, to := f.ID("store_id"), atoll.SiteID(f.Int("to_site"))
	s, ok := d.T.Store(store)
	if !ok {
		return nil, atoll.Errorf(atoll.Reference, "store %s is not known here", store).Because("store.unknown")
	}
	holds, err := Selection{Store: store, Owned: true}.Digest(d.R, d.Catalogue)
	if err != nil {
		return nil, err
	}
	next := Switches(topology.MoveFrom(id, f), d.T.Centre())
	after := atoll.Fields{}.Set("digest", holds).Set("epoch", s.Epoch+1).Set("switched_at", atoll.Stamp(d.Now))
	if next == topology.Moved {
		after.Set("ended_at", atoll.Stamp(d.Now))
	}
	after.Set("step", string(next))
	for _, name := range []string{"forced", "signed_by", "lost_since"} {
		if f.Has(name) {
			after[name] = f[name]
		}
	}
	if verb == atoll.Insert {
		after = f.Apply(after)
	}
	out := []journal.Proposal{
		{Verb: verb, Key: atoll.Key{Type: moveType, ID: id}, Fields: after},
		{Verb: atoll.Update, Key: atoll.Key{Type: "store", ID: store}, Fields: atoll.Fields{}.Set("site_id", to).Set("epoch", s.Epoch+1)},
	}
	choices, err := d.choices(s, to, f.Bool("keep_copy", false))
	return append(out, choices...), err
}

// choices returns what becomes of collector copies that somebody chose: ended
// where the store, or one that only it saw, is no longer known (R-C-13), and on
// its new site; made on the site it leaves if that was asked for.
func (d Desk) choices(s topology.Store, to atoll.SiteID, keep bool) ([]journal.Proposal, error) {
	var out []journal.Proposal
	choose := func(store atoll.ID, site atoll.SiteID, choice string) error {
		key := CollectorKey(store, site)
		f := atoll.Fields{}.Set("choice", choice).Set("chosen_by", "atoll").Set("chosen_at", d.Now.UTC().Format(time.RFC3339Nano))
		rec, err := d.R.Record(key)
		switch {
		case err == nil && !rec.Deleted:
			if rec.MustFields().Text("choice") != choice {
				out = append(out, journal.Proposal{Verb: atoll.Update, Key: key, Fields: f})
			}
		case err != nil && atoll.CodeOf(err) != atoll.NotFound:
			return err
		case choice == "collector":
			out = append(out, journal.Proposal{Verb: atoll.Insert, Key: key, Fields: f.Set("store_id", store).Set("site_id", site)})
		}
		return nil
	}
	then := d.T.Supposing(s.ID, to)
	for _, c := range topology.Diff(d.T, then) {
		if c.From == topology.Collector && c.To == topology.None {
			if err := choose(c.Store, c.Site, "transfer"); err != nil {
				return nil, err
			}
		}
	}
	if err := choose(s.ID, to, "transfer"); err != nil {
		return nil, err
	}
	if keep && then.CheckCollector(s.ID, s.Site) == nil && s.Site != d.T.Centre() {
		if err := choose(s.ID, s.Site, "collector"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CollectorKey is the key of the choice of a collector copy of the store on the
// site.
func CollectorKey(store atoll.ID, site atoll.SiteID) atoll.Key {
	return atoll.Key{Type: "store_choice", ID: atoll.DeriveID("collector", string(store), site.String())}
}

// compared returns what the new site must have of what the store held.
func compared(c *catalogue.Catalogue, move atoll.Fields, t digest.Table) digest.Table {
	if move.Bool("limited", false) {
		for kind := range t {
			if d, ok := c.Lookup(kind); ok && dated(c, d) {
				delete(t, kind)
			}
		}
	}
	return t
}

// Holding is what the store of a move held when it changed its site.
func Holding(move atoll.Fields) (digest.Table, error) { return tableOf(move, "digest") }

// tableOf reads a digest from a field.
func tableOf(f atoll.Fields, name string) (digest.Table, error) {
	t := digest.Table{}
	if !f.Has(name) {
		return t, nil
	}
	if err := json.Unmarshal(f[name], &t); err != nil {
		return nil, atoll.Errorf(atoll.Invalid, "the digest in %s cannot be read: %w", name, err).On(name)
	}
	return t, nil
}

func count(n int) string { return strconv.Itoa(n) }
