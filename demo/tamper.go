package demo

import (
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// What is in this file writes past the journal's door, on purpose: it plays a
// tampered program and a failing disk, so that the demo can show what becomes of
// them. Nothing else outside package journal may.

// forge writes an edit into a site's journal and records that the site may not
// make: what a program would do that somebody has tampered with.
func (s *stage) forge(at atoll.SiteID, p journal.Proposal) {
	h := s.at(at).host
	def, _ := h.Catalogue.Lookup(p.Key.Type)
	_, epoch := s.topology(at).Delegate(def.Area)
	s.must(at, h.Store.Update(s.ctx, func(tx storage.Tx) error {
		head, err := tx.Head(at)
		if err != nil {
			return err
		}
		origin := atoll.Origin{Site: at, Seq: head.Seq + 1}
		op := atoll.Operation{Verb: p.Verb, Key: p.Key, Version: 1, Fields: p.Fields, Epoch: epoch}
		rec := atoll.Record{Key: p.Key, Version: 1, Origin: origin, Body: p.Fields.Encode()}
		before, err := tx.Record(p.Key)
		switch {
		case err == nil:
			op.Verb, op.Version, op.Base = atoll.Update, before.Version+1, before.Origin
			rec.Version, rec.Body = op.Version, before.MustFields().Apply(p.Fields).Encode()
		case !errors.Is(err, atoll.NotFound):
			return err
		}
		e := atoll.Entry{
			Time: s.clock.now(), Actor: "mallory", Cause: atoll.Cause{Kind: "user"}, Catalogue: h.Catalogue.Version(),
			Operations: []atoll.Operation{op},
		}
		je := storage.JournalEntry{Site: at, Timeline: head.Timeline, Seq: origin.Seq, Received: e.Time, Content: e.Encode()}
		je.Hash = atoll.Chain(head.Hash, at, je.Timeline, je.Seq, atoll.Digest(je.Content))
		if err := tx.Append(je); err != nil {
			return err
		}
		_, err = tx.Put(rec, nil)
		return err
	}))
}

// damage spoils the centre's copy of a document line, so that nobody can read it.
func (s *stage) damage(key atoll.Key) {
	h := s.centre.host
	s.must(centreSite, h.Store.Update(s.ctx, func(tx storage.Tx) error {
		r, err := tx.Record(key)
		if err != nil {
			return err
		}
		f := r.MustFields().Set("number_of_packs", "###")
		r.Body = f.Encode()
		if _, err := tx.Put(r, map[string]string{"invoice_id": string(f.ID("invoice_id"))}); err != nil {
			return err
		}
		return h.Station.Door.Relist(tx, key)
	}))
}

// scrap removes the centre's copy of a record that cannot be read, so that its
// owner can send it again.
func (s *stage) scrap(key atoll.Key) {
	s.must(centreSite, s.centre.host.Store.Update(s.ctx, func(tx storage.Tx) error { return tx.Forget(key) }))
}
