package central

import (
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// history knows which documents a site is spared, and what hangs on a document.
type history struct {
	r         storage.Reader
	t         *topology.Topology
	begins    bool // the site initialises
	catalogue *catalogue.Catalogue
	entitled  []atoll.Audience
	since     time.Time // settled before it is old
	old       map[atoll.Key]bool
	brought   map[atoll.Key]bool // documents that are in the answer as a whole
	may       map[atoll.Audience]bool
}

// sparedBefore is before when a document was settled that a site with so many months of
// history is spared. It is the beginning of a day, as the answer and the Welcome before
// it must mean the same.
func (c *Centre) sparedBefore(months int) time.Time {
	return c.Now().UTC().AddDate(0, -months, 0).Truncate(24 * time.Hour)
}

// historyFor returns the limit of the site, nil if it has none.
func (c *Centre) historyFor(r storage.Reader, t *topology.Topology, s SiteState, begins bool) *history {
	if s.HistoryMonths == 0 {
		return nil
	}
	return &history{
		r: r, t: t, begins: begins, catalogue: c.Door.Judge.Catalogue, entitled: t.Subscription(s.Site), since: c.sparedBefore(s.HistoryMonths),
		old: map[atoll.Key]bool{}, brought: map[atoll.Key]bool{},
	}
}

func (h *history) record(key atoll.Key) (atoll.Record, bool, error) {
	r, err := h.r.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return r, false, nil
	}
	return r, err == nil && !r.Deleted, err
}

// routed reports whether the record goes to the site at all.
func (h *history) routed(r atoll.Record) bool {
	if h.may == nil {
		h.may = map[atoll.Audience]bool{}
		for _, a := range h.entitled {
			h.may[a] = true
		}
	}
	return slices.ContainsFunc(r.Audiences, func(a atoll.Audience) bool { return h.may[a] })
}

// root returns the document that a record is, or hangs on; false if it is no part
// of a document that can be old.
func (h *history) root(key atoll.Key) (atoll.Key, bool, error) {
	def, ok := h.catalogue.Lookup(key.Type)
	if !ok || len(def.Settled) > 0 {
		return key, ok, nil
	}
	if !h.hangs(def) {
		return key, false, nil
	}
	r, there, err := h.record(key)
	if err != nil || !there {
		return key, false, err
	}
	f, err := r.Fields()
	if err != nil {
		return key, false, err
	}
	for _, ref := range h.catalogue.References(key.Type, f) {
		if to, _ := h.catalogue.Lookup(ref.To); ref.Required && to != nil && len(to.Settled) > 0 {
			return atoll.Key{Type: ref.To, ID: ref.ID}, true, nil
		}
	}
	return key, false, nil
}

// hangs reports whether records of the type are part of documents: they cannot be
// without one.
func (h *history) hangs(def *catalogue.Def) bool {
	return slices.ContainsFunc(def.Fields, func(f catalogue.Field) bool {
		if f.Kind != catalogue.Reference || !f.Required {
			return false
		}
		to, ok := h.catalogue.Lookup(f.To)
		return ok && len(to.Settled) > 0
	})
}

// settledAt is when the document was settled, zero if it is not.
func settledAt(def *catalogue.Def, f atoll.Fields) (at time.Time) {
	for _, name := range def.Settled {
		if t, err := time.Parse(time.RFC3339, f.Text(name)); err == nil && t.After(at) {
			at = t
		}
	}
	return at
}

// spared reports whether the document is old. A transfer is old when both halves
// are, and know each other: then no site has anything left to do about it, and
// neither half misses the other.
func (h *history) spared(doc atoll.Key) (bool, error) {
	if old, known := h.old[doc]; known {
		return old, nil
	}
	old, err := h.settled(doc, "")
	h.old[doc] = old
	return old, err
}

// settled reports whether the document was settled before the limit, and so was
// the other half of its transfer. Of is the half that asks, "" for none. Of a store
// whose transactions stayed at its site nothing is left out: the site tells its stock from
// what the centre has of them (R-B-92).
func (h *history) settled(doc atoll.Key, of atoll.ID) (bool, error) {
	def, ok := h.catalogue.Lookup(doc.Type)
	r, there, err := h.record(doc)
	if err != nil || !ok || !there {
		return false, err
	}
	f, err := r.Fields()
	if err != nil {
		return false, err
	}
	at := settledAt(def, f)
	if at.IsZero() || !at.Before(h.since) {
		return false, nil
	}
	if s, _ := h.t.Store(f.ID("store_id")); h.begins && s.StayedOnce {
		return false, nil
	}
	initiating, answer := f.ID("originating_id"), f.ID("linked_"+string(doc.Type)+"_id")
	switch {
	case of != "":
		return initiating == of || answer == of, nil
	case initiating != "":
		return h.settled(atoll.Key{Type: doc.Type, ID: initiating}, doc.ID)
	case def.Partner != "" && f.Has(def.Partner):
		if answer == "" {
			return false, nil
		}
		return h.settled(atoll.Key{Type: doc.Type, ID: answer}, doc.ID)
	}
	return true, nil
}

// around returns what must be in the answer before the record, and whether the
// record itself is left out. While the site initialises old documents are left
// out, with all that hangs on them; unless they were fetched, or something that is
// sent names them. Afterwards a record of an old document brings all of it, as the
// site may not have it.
func (h *history) around(r atoll.Record, initialising, fetched bool) (before []atoll.Record, left bool, err error) {
	root, part, err := h.root(r.Key)
	if err != nil {
		return nil, false, err
	}
	old := false
	if part {
		if old, err = h.spared(root); err != nil {
			return nil, false, err
		}
	}
	if fetched && part {
		old = true // all of it comes, however old it is
	}
	if old && initialising && !fetched {
		return nil, true, nil
	}
	if old {
		before, err = h.bring(nil, root)
		return slices.DeleteFunc(before, func(b atoll.Record) bool { return b.Key == r.Key }), false, err
	}
	before, err = h.named(nil, r)
	return before, false, err
}

// bring adds the document with all that hangs on it, and the old documents these
// name in their turn.
func (h *history) bring(out []atoll.Record, doc atoll.Key) ([]atoll.Record, error) {
	if h.brought[doc] {
		return out, nil
	}
	h.brought[doc] = true
	r, there, err := h.record(doc)
	if err != nil || !there || !h.routed(r) {
		return out, err
	}
	family := []atoll.Record{r}
	for _, def := range h.catalogue.Types() {
		for _, f := range def.Fields {
			if f.Kind != catalogue.Reference || f.To != doc.Type || !f.Required || !f.Index {
				continue
			}
			parts, err := h.r.Records(storage.Query{Type: def.Type, Where: map[string]string{f.Name: string(doc.ID)}})
			if err != nil {
				return out, err
			}
			family = append(family, parts...)
		}
	}
	for _, r := range family {
		if !h.routed(r) {
			continue
		}
		if out, err = h.named(out, r); err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// named adds the old documents that the record names.
func (h *history) named(out []atoll.Record, r atoll.Record) ([]atoll.Record, error) {
	f, err := r.Fields()
	if err != nil {
		return out, err
	}
	for _, ref := range h.catalogue.References(r.Type, f) {
		doc, part, err := h.root(atoll.Key{Type: ref.To, ID: ref.ID})
		if err != nil {
			return out, err
		}
		if !part || h.brought[doc] {
			continue
		}
		old, err := h.spared(doc)
		if err != nil {
			return out, err
		}
		if old {
			if out, err = h.bring(out, doc); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// companions puts into the answer what must come before the line's record, at the
// place before it, so that a cut between them loses neither. It reports whether
// the record is left out.
func (s *serving) companions(lane atoll.Audience, l storage.FeedLine, r atoll.Record) (left bool, err error) {
	if s.history == nil || r.Deleted {
		return false, nil
	}
	before, left, err := s.history.around(r, s.hello.Initialising, s.fetched(l, r))
	if err != nil || left {
		return left, err
	}
	for _, b := range before {
		s.out = append(s.out, exchange.Record{
			Position: l.Position - 1, Lane: lane, Key: b.Key, Version: b.Version, Origin: b.Origin, Deleted: b.Deleted, Body: b.Body,
		})
		s.records--
		s.bytes -= len(b.Body) + 100
	}
	return false, nil
}

// fetched reports whether the line is not the record's own, but was put there to
// have it sent again.
func (s *serving) fetched(l storage.FeedLine, r atoll.Record) bool {
	return !l.Gone && l.Position != r.Position
}
