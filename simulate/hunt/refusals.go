package hunt

import (
	"cmp"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/storage"
)

// Fenced notes that work of the site may be refused from now on, because somebody at
// the centre decided so: a store was taken from it by force, a right at once. Any
// other refusal of honest work is a breach of "rest".
func (w *World) Fenced(site atoll.SiteID, why string) {
	if w.fenced == nil {
		w.fenced = map[atoll.SiteID]string{}
	}
	w.fenced[site] = why
}

// found looks at what an act at the centre came to: at the end of the step, or, if the
// centre crashed in it, when it is up again, before anything else is done there.
func (w *World) found(look func()) { w.unseen = append(w.unseen, look) }

// provocation is an entry that the story made so that it must be refused.
type provocation struct {
	at  atoll.Origin
	why string
}

// Provoked notes that this one entry must be refused, if it comes to the centre. Any
// other entry in quarantine is a breach of "rest", and this one's being taken is a
// breach of "owned". An entry is known by its hash: a number is given again when the
// database that gave it is lost.
func (w *World) Provoked(hash atoll.Hash, at atoll.Origin, why string) {
	w.forged[hash] = provocation{at, why}
}

// hashOf is the hash of an entry of the site, as the centre has it.
func (w *World) hashOf(site atoll.SiteID, seq uint64) (hash atoll.Hash) {
	_ = w.Centre.Store.View(w.Ctx, func(r storage.Reader) error {
		e, err := r.Entry(site, seq)
		hash = e.Hash
		return err
	})
	return hash
}

// stopped: what had to be refused was.
func (w *World) stopped(r storage.Reader, refused map[atoll.Origin]bool) {
	for _, hash := range slices.SortedFunc(maps.Keys(w.forged), func(a, b atoll.Hash) int { return cmp.Compare(a.String(), b.String()) }) {
		p := w.forged[hash]
		e, err := r.Entry(p.at.Site, p.at.Seq)
		if err != nil || e.Hash != hash {
			continue // it did not come so far
		}
		w.Looked("owned", 1)
		if !refused[p.at] {
			w.Breach("owned", "entry %d of site %d was taken, although %s", p.at.Seq, p.at.Site, p.why)
		}
	}
}

// provoked reports whether the story itself brought the refusal about.
func (w *World) provoked(r storage.Refusal) (why string, ok bool) {
	if p, ok := w.forged[w.hashOf(r.Site, r.Seq)]; ok {
		return p.why, true
	}
	if why, ok = w.fenced[r.Site]; ok {
		return why, true
	}
	if w.leftOfHome(r) {
		return "a home store was taken from it by force", true
	}
	if w.statesTaken(r) {
		return "the centre lost what the former home had made, and took the home store by force before that came again", true
	}
	if key, lost := w.forgotten(r); lost {
		return "the centre lost " + key.String(), true
	}
	return "", false
}

// leftOfHome reports whether the refusal is what a forced transfer of a home store leaves
// to a person: it has to do with somebody whose home was taken from the site, or with
// records of hers that were refused, and is not of late changes alone. Those the centre
// offers to the new home by itself.
func (w *World) leftOfHome(r storage.Refusal) (is bool) {
	if len(w.taken[r.Site]) == 0 {
		return false
	}
	_ = w.Centre.Store.View(w.Ctx, func(v storage.Reader) error {
		t, err := w.Centre.Door.Topology(v)
		if err != nil {
			return err
		}
		if offers, err := patients.Offer(v, t, w.Centre.Catalogue, r, ""); err != nil || offers.All && patients.Late(r) {
			return err
		}
		all, err := v.Refusals(r.Site, false, 0, 0)
		if err != nil {
			return err
		}
		hers := maps.Clone(w.taken[r.Site])
		for _, no := range all {
			e, err := atoll.DecodeEntry(no.Content)
			if err != nil || !w.touches(v, e, hers) {
				continue
			}
			for _, op := range e.Operations {
				hers[op.ID] = true
			}
			is = is || no.ID == r.ID
		}
		return nil
	})
	return is
}

// statesTaken reports whether the new home states what it had received of the former one,
// and what the centre lost: the entry that made it came again after the home store was
// taken by force, and was refused for that.
func (w *World) statesTaken(r storage.Refusal) (is bool) {
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil || r.Code != atoll.BaseVersion {
		return false
	}
	i := slices.IndexFunc(e.Operations, func(op atoll.Operation) bool { return op.Key == r.Subject })
	if i < 0 || e.Operations[i].Verb != atoll.Restate || !w.Stranded[simulate.Strand{Site: r.Site, Key: r.Subject}] {
		return false
	}
	stated, made := e.Operations[i], e.Operations[i].Base
	_ = w.Centre.Store.View(w.Ctx, func(v storage.Reader) error {
		all, err := v.Refusals(made.Site, false, 0, 0)
		if err != nil {
			return err
		}
		for _, no := range all {
			if no.Seq != made.Seq || no.Code != atoll.Ownership && no.Code != atoll.OldEpoch {
				continue
			}
			e, err := atoll.DecodeEntry(no.Content)
			is = is || err == nil && w.touches(v, e, w.taken[made.Site]) && slices.ContainsFunc(e.Operations, func(op atoll.Operation) bool {
				return op.Key == stated.Key && op.Version == stated.Version
			})
		}
		return nil
	})
	return is
}

// touches reports whether an operation of the entry is on one of the records, or names
// one.
func (w *World) touches(v storage.Reader, e *atoll.Entry, records map[atoll.ID]bool) bool {
	for _, op := range e.Operations {
		f := op.Fields
		if now, err := v.Record(op.Key); err == nil {
			f = now.MustFields().Apply(op.Fields)
		}
		named := slices.ContainsFunc(w.Centre.Catalogue.References(op.Type, f), func(ref catalogue.Ref) bool { return records[ref.ID] })
		if records[op.ID] || named {
			return true
		}
	}
	return false
}

func (w *World) open(id int64) (is bool) {
	_ = w.Centre.Store.View(w.Ctx, func(r storage.Reader) error {
		no, err := r.Refusal(id)
		is = err == nil && no.State == storage.Open
		return err
	})
	return is
}

// provokedOpen are the refusals that wait and were provoked, with the reasons.
func (w *World) provokedOpen() (open []storage.Refusal, err error) {
	err = w.Centre.Store.View(w.Ctx, func(r storage.Reader) (err error) {
		open, err = r.Refusals(0, true, 0, 0)
		return err
	})
	return slices.DeleteFunc(open, func(r storage.Refusal) bool {
		_, ok := w.provoked(r)
		return !ok
	}), err
}

// judgeAgain has refusals judged again that build on what the centre lost: it may have
// been taken back since. It reports whether there was any.
func (w *World) judgeAgain() (done bool, err error) {
	open, err := w.provokedOpen()
	for _, r := range open {
		if _, lost := w.forgotten(r); !lost || w.retried[r.ID] || !w.open(r.ID) {
			continue
		}
		w.retried[r.ID], done = true, true
		if _, err := w.Centre.Centre.Decide(w.Ctx, r.ID, central.Retry, "tester", ""); err != nil && atoll.CodeOf(err) != atoll.NotFound {
			return done, err
		}
	}
	return done, err
}

// decide settles what waits in quarantine and was provoked, as the person at the
// centre would: the site gets the true record. It reports whether there was any.
func (w *World) decide() (bool, error) {
	open, err := w.provokedOpen()
	if err != nil {
		return false, err
	}
	done := false
	for _, r := range open {
		why, ok := w.provoked(r)
		if !ok || !w.open(r.ID) {
			continue // or it was settled along with another
		}
		if r.Behind == 0 { // what is behind it goes with it
			w.tally.Refusals[string(r.Code)]++
		}
		w.giveUp(r)
		if _, err := w.Centre.Centre.Decide(w.Ctx, r.ID, central.Return, "tester", why); err != nil && atoll.CodeOf(err) != atoll.NotFound {
			return done, err
		}
		w.Say("the centre returns the truth for entry %d of site %d: %s", r.Seq, r.Site, why)
		done = true
	}
	return done, nil
}
