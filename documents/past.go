package documents

import (
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// PastType is the type of a site's request for old documents.
const PastType atoll.Type = "history_request"

// shelfSpared holds, at a site that was spared old documents, before which moment those
// were settled.
const shelfSpared = "spared"

// Spared keeps that the site is spared documents that were settled before the moment:
// what moved its stock before it is not all here (R-H-26).
func Spared(tx storage.Tx, before time.Time) error {
	known, err := Desk{R: tx}.sparedBefore()
	if said := atoll.Stamp(before); err != nil || said <= known {
		return err
	}
	return tx.Set(shelfSpared, "before", []byte(atoll.Stamp(before)))
}

// sparedBefore returns that moment, "" at a site that has been spared nothing.
func (d Desk) sparedBefore() (string, error) {
	b, err := d.R.Get(shelfSpared, "before")
	if errors.Is(err, atoll.NotFound) {
		return "", nil
	}
	return string(b), err
}

// Past names documents that a site was spared when it initialised (R-H-26): one,
// by its key or that of one of its lines; or those that were settled from From on
// and before To, of the store or, without one, of all whose data the site has.
type Past struct {
	Key      atoll.Key
	Store    atoll.ID
	From, To time.Time
}

// Check says what is wrong with the request.
func (p Past) Check() error {
	switch period := !p.From.IsZero() || !p.To.IsZero(); {
	case p.Key.Type == "" && !period:
		return atoll.Errorf(atoll.Invalid, "name a document or a period").Do("give its type and id, or two dates")
	case p.Key.Type != "" && (period || p.Store != ""):
		return atoll.Errorf(atoll.Invalid, "a document or a period, not both")
	case p.Key.Type != "" && !p.Key.ID.Valid():
		return atoll.Errorf(atoll.Invalid, "%.40q is not the id of a document", p.Key.ID).On("id")
	case p.Key.Type == "" && !p.From.Before(p.To):
		return atoll.Errorf(atoll.Invalid, "the period ends before it begins").On("to")
	}
	return nil
}

// AskPast returns the request as a record of the store, for the site to send.
func (d Desk) AskPast(store atoll.ID, by string, p Past) (journal.Proposal, error) {
	if err := p.Check(); err != nil {
		return journal.Proposal{}, err
	}
	f := atoll.Fields{}.Set("store_id", store).Set("asked_at", atoll.Stamp(d.Now)).Set("asked_by", by)
	if p.Key.Type != "" {
		f.Set("document_type", string(p.Key.Type)).Set("document_id", p.Key.ID)
	} else {
		f.Set("from", atoll.Stamp(p.From)).Set("to", atoll.Stamp(p.To))
	}
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: PastType, ID: atoll.NewID(d.Now)}, Fields: f}, nil
}

// PastOf reads a request from its record.
func PastOf(f atoll.Fields) (Past, error) {
	p := Past{Key: atoll.Key{Type: atoll.Type(f.Text("document_type")), ID: f.ID("document_id")}}
	if p.Key.Type == "" {
		p.Store = f.ID("store_id")
		p.From, _ = time.Parse(time.RFC3339, f.Text("from"))
		p.To, _ = time.Parse(time.RFC3339, f.Text("to"))
	}
	return p, p.Check()
}
