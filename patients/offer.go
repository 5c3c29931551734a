package patients

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Offers are what becomes of a refused entry of a former home site (R-G-44).
type Offers struct {
	// Do makes the requests that offer the changes to the new home.
	Do []journal.Proposal
	// All says that the entry held nothing else: it need not stay open.
	All bool
}

// Late reports whether the refusal may be of a change that came too late.
func Late(r storage.Refusal) bool {
	switch r.Code {
	case atoll.Ownership, atoll.OldEpoch, atoll.BaseVersion, atoll.HeldBehind:
		return true
	case atoll.Reference:
		return r.Field == "" // the record itself is not here: what made it was late, too, and was offered
	default:
		return false
	}
}

// Offer works out, at the centre, what of a refused entry was a late change of a
// person whose home store has been transferred meanwhile, and offers it to the new
// home site as requested changes, field by field. Ids follow from the entry:
// offering twice is offering once.
func Offer(r storage.Reader, t *topology.Topology, c *catalogue.Catalogue, refused storage.Refusal, now string) (Offers, error) {
	entry, err := atoll.DecodeEntry(refused.Content)
	if err != nil {
		return Offers{}, nil //nolint:nilerr // what cannot be read is not offered
	}
	out := Offers{All: true}
	for _, op := range entry.Operations {
		p, ok, err := offer(r, t, c, refused, op, now)
		if err != nil {
			return out, err
		}
		if !ok {
			out.All = false
			continue
		}
		p.Fields.Set("asked_by", entry.Actor)
		_, there, err := find(r, p.Key)
		if err != nil {
			return out, err
		}
		if there == nil {
			out.Do = append(out.Do, p)
		}
	}
	return out, nil
}

// subject returns the person that an operation of a site is about, and the fields of its
// record as the site had them before.
func subject(r storage.Reader, c *catalogue.Catalogue, op atoll.Operation) (who atoll.Key, before atoll.Fields, ok bool, err error) {
	def, ok := c.Lookup(op.Type)
	if !ok || !atHome(def) {
		return who, nil, false, nil
	}
	if before, err = asBelieved(r, op); err != nil {
		return who, nil, false, err
	}
	who, ok = personOf(def, op.Key, before.Apply(op.Fields))
	return who, before, ok, nil
}

// concerns chooses the operations about the person.
func concerns(r storage.Reader, c *catalogue.Catalogue, who atoll.Key) func(atoll.Operation) (bool, error) {
	return func(op atoll.Operation) (bool, error) {
		about, _, ok, err := subject(r, c, op)
		return ok && about == who, err
	}
}

func offer(r storage.Reader, t *topology.Topology, c *catalogue.Catalogue, refused storage.Refusal, op atoll.Operation, now string) (journal.Proposal, bool, error) {
	none := journal.Proposal{}
	if !op.Withheld.IsZero() || op.Verb == atoll.Restate {
		return none, false, nil
	}
	who, before, ok, err := subject(r, c, op)
	if err != nil || !ok {
		return none, false, err
	}
	k, _ := ofPerson(who.Type)
	_, person, err := find(r, who)
	if err != nil || person == nil {
		return none, false, err
	}
	_, transfer, err := find(r, transferKey(k, who.ID))
	if err != nil || transfer == nil || person.Int("home_epoch") == 0 { // she was always at home there
		return none, false, err
	}
	d, _ := c.Lookup(who.Type)
	s, err := admit.SubjectOf(journal.View{RecordReader: r}, d, who, person)
	if err != nil {
		return none, false, err
	}
	owner, err := authority.OwnerOf(t, s, t.Centre())
	if err != nil || owner.Epoch <= op.Epoch {
		return none, false, nil //nolint:nilerr // not late, or nobody to offer it to
	}
	was := atoll.Fields{}
	for name := range op.Fields {
		if before.Has(name) {
			was[name] = before[name]
		} else {
			was.Set(name, nil)
		}
	}
	if op.Verb == atoll.Delete {
		was = maps.Clone(before)
	}
	id := atoll.DeriveID("late change", refused.Site.String(), string(refused.Timeline), atoll.Origin{Site: refused.Site, Seq: refused.Seq}.String(), op.Key.String())
	return insert(atoll.Key{Type: k.change, ID: id}, atoll.Fields{}.Set(k.field, who.ID).Set("store_id", transferFrom(transfer, t, refused.Site)).
		Set("record_type", string(op.Type)).Set("record_id", op.ID).Set("verb", string(op.Verb)).
		Set("wanted", json.RawMessage(op.Fields.Encode())).Set("was", json.RawMessage(was.Encode())).
		Set("offered", true).Set("asked_at", now).Set("reason", "made at the former home site after the home store was transferred")), true, nil
}

// transferFrom is the store in whose name a late change is offered: the former
// home store, or one that is active at the site that made it. It may be moving: the
// request is about the patient, and no part of what moves with the store.
func transferFrom(transfer atoll.Fields, t *topology.Topology, site atoll.SiteID) atoll.ID {
	from := transfer.ID("from_store_id")
	for _, id := range append([]atoll.ID{from}, t.Active(site)...) {
		if st, ok := t.Store(id); ok && st.Site == site {
			return id
		}
	}
	return from
}

// asBelieved returns the fields of the record as the site had them when it made
// the change, by the journals: what it refers to may itself have been refused.
func asBelieved(r storage.Reader, op atoll.Operation) (atoll.Fields, error) {
	if op.Verb == atoll.Insert {
		return atoll.Fields{}, nil
	}
	changes, err := journal.History(r, atoll.Record{Key: op.Key, Origin: op.Base}, 0)
	if err != nil {
		return nil, err
	}
	f := atoll.Fields{}
	whole := false
	for _, c := range slices.Backward(changes) {
		whole = whole || c.Op.Verb == atoll.Insert || c.Op.Verb == atoll.Restate
		f = f.Apply(c.Op.Fields)
	}
	if whole {
		return f, nil
	}
	_, now, err := find(r, op.Key) // the journals do not reach back: as it stands
	if now == nil {
		now = atoll.Fields{}
	}
	return now.Apply(f), err
}
