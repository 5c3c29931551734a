package transfer

import (
	"errors"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
)

// shelfOpen lists the transfers that this database knows to be under way, by the
// key of their initiating half: begun, and not answered yet, or, where goods move,
// not in stock at the other end. It is derived: each entry can be made again from
// the records.
const shelfOpen = "transfers"

// open is what is kept of a transfer under way.
type open struct {
	Since int64 `json:"since"` // Unix milliseconds: when this database learnt of it
	// Answer is the key of the responding half, and Refusal the number of the refusal, of
	// an initiating half that the centre has refused, or refused to let go. The number is
	// known at the centre only. Lost says that the centre sent it itself, and has lost that.
	Answer  string `json:"answer,omitempty"`
	Refusal int64  `json:"refusal,omitempty"`
	Lost    bool   `json:"lost,omitempty"`
}

// tracking keeps the list up to date, and wakes documents that may be answered now
// because a store was opened, moved, or given a successor.
var tracking = func() []process.Kind {
	var out []process.Kind
	for _, p := range []papers{invoices, requisitions, orders, receipts} {
		out = append(out, process.Kind{Name: "open transfers " + string(p.doc), Type: p.doc, Gone: true, Keep: track, Undone: trackUndone})
	}
	return append(out,
		process.Kind{Name: "open transfers of a store", Type: "store", Wakes: wake},
		process.Kind{Name: "open transfers of a site", Type: "site", Wakes: wake},
	)
}()

// track looks at the transfers that the record takes part in.
func track(tx storage.Tx, c process.Case) error {
	keys, err := initiating(c.R, c.Record.Key, c.Fields)
	if err != nil {
		return err
	}
	for _, key := range keys {
		at := c
		if key != c.Record.Key {
			r, err := c.R.Record(key)
			if errors.Is(err, atoll.NotFound) {
				if err := trackAnswer(tx, c, key); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			if at.Fields, err = r.Fields(); err != nil {
				return err
			}
			at.Record = r
		}
		s, err := stateOf(at)
		if err != nil {
			return err
		}
		place := key.String()
		if s.phase == none && key != c.Record.Key {
			if err := trackAnswer(tx, c, key); err != nil {
				return err
			}
			continue
		}
		var kept open
		err = storage.Load(tx, shelfOpen, place, &kept)
		listed := err == nil
		switch {
		case err != nil && !errors.Is(err, atoll.NotFound):
			return err
		case listed && s.phase == none && kept.Answer != "":
			continue // until the answer ends, or the document is sent after all
		case s.phase == settled || s.phase == none:
			if err := tx.Drop(shelfOpen, place); err != nil {
				return err
			}
			continue
		case listed:
			continue
		}
		if err := storage.Save(tx, shelfOpen, place, open{Since: c.Now.UnixMilli()}); err != nil {
			return err
		}
	}
	return nil
}

// trackAnswer lists an answer, at the centre, to a document that was refused here, or
// that is a draft here as the change that sent it was refused: both stores were active
// on one site, which knew nothing of the refusal yet. So it does one to a draft of the
// centre's own, which it had sent before it was restored. The answer is its own store's and
// stands; a person says what becomes of it (R-D-52).
func trackAnswer(tx storage.Tx, c process.Case, initiating atoll.Key) error {
	place := initiating.String()
	var kept open
	if err := storage.Load(tx, shelfOpen, place, &kept); err != nil && !errors.Is(err, atoll.NotFound) {
		return err
	}
	if kept.Answer != "" && kept.Answer != c.Record.Key.String() {
		return nil // this one only names what another answers, as a shipment for an order does
	}
	made := func(h *half) bool { return h.to.doc == c.Record.Type && h.ID(initiating.ID) == c.Record.ID }
	if !slices.ContainsFunc(halves, made) || ended(c.Record, c.Fields) {
		return tx.Drop(shelfOpen, place) // one of another system may answer what that has
	}
	if kept.Answer != "" {
		return nil
	}
	if c.Site != c.T.Centre() {
		return tx.Drop(shelfOpen, place) // what is refused is given back (trackUndone)
	}
	refusals, err := tx.Refusals(c.Record.Origin.Site, false, 0, 0)
	if err != nil {
		return err
	}
	for _, no := range refusals {
		if no.State != storage.Applied && slices.Contains(no.Keys, initiating) {
			return storage.Save(tx, shelfOpen, place, open{Since: c.Now.UnixMilli(), Answer: c.Record.Key.String(), Refusal: no.ID})
		}
	}
	r, f, there, err := find(tx, initiating)
	if err == nil && there && c.Owns(r) && documents.Rank(f.Text("status")) < documents.Rank(documents.Confirmed) {
		return storage.Save(tx, shelfOpen, place, open{Since: c.Now.UnixMilli(), Answer: c.Record.Key.String(), Lost: true})
	}
	return errors.Join(err, tx.Drop(shelfOpen, place))
}

// trackUndone lists such an answer at its own site, when the document is given back to
// it. Of one that stays at its site the centre does not know.
func trackUndone(tx storage.Tx, c process.Case) error {
	if s, err := stateOf(c); err != nil || s.phase != none {
		return err
	}
	for _, h := range halves {
		if h.from.doc != c.Record.Type {
			continue
		}
		r, f, there, err := find(c.R, atoll.Key{Type: h.to.doc, ID: h.ID(c.Record.ID)})
		if err != nil {
			return err
		}
		if there && !ended(r, f) && c.Here(f.ID("store_id")) {
			return storage.Save(tx, shelfOpen, c.Record.Key.String(), open{Since: c.Now.UnixMilli(), Answer: r.Key.String()})
		}
	}
	return nil
}

// initiating returns the initiating halves that a document concerns: itself, the one
// it answers, the one that its receipt answers.
func initiating(r storage.Reader, key atoll.Key, f atoll.Fields) ([]atoll.Key, error) {
	var out []atoll.Key
	for _, h := range halves {
		if h.from.doc == key.Type && f.Text("kind") == h.kind && f.Has("partner_store_id") && !f.Has("originating_id") {
			out = append(out, key)
			break
		}
	}
	for _, h := range halves {
		if h.to.doc == key.Type && f.Text("kind") == h.as && f.Has(h.link) {
			out = append(out, atoll.Key{Type: h.from.doc, ID: f.ID(h.link)})
		}
	}
	if key.Type == invoices.doc && f.Has("goods_received_id") {
		_, g, ok, err := find(r, atoll.Key{Type: receipts.doc, ID: f.ID("goods_received_id")})
		if err != nil {
			return nil, err
		}
		if ok && g.Has("originating_id") {
			out = append(out, atoll.Key{Type: invoices.doc, ID: g.ID("originating_id")})
		}
	}
	return out, nil
}

// phase is how far a transfer has come.
type phase int

const (
	none       phase = iota // it has not begun, or was given up
	unanswered              // no responding half
	answered                // goods on their way, with a responding half that is not in stock
	settled                 // nothing more is to come
)

// standing is a transfer as this database knows it.
type standing struct {
	half   *half
	phase  phase
	answer atoll.Record // the responding half, if there is one
}

// stateOf returns how the transfer of an initiating document stands.
func stateOf(c process.Case) (standing, error) {
	var began standing
	for _, h := range halves {
		if h.from.doc != c.Record.Type || c.Fields.Text("kind") != h.kind {
			continue
		}
		ok, err := h.sent(c)
		if err != nil {
			return began, err
		}
		if !ok {
			continue
		}
		r, err := h.answered(c)
		if err != nil {
			return began, err
		}
		if r.ID != "" && !r.Deleted {
			p, err := h.phaseOf(c, r)
			return standing{h, p, r}, err
		}
		if began.half == nil {
			began = standing{half: h, phase: unanswered}
		}
		// An answer that is not here, as of a store that keeps its data at its site, is
		// known by what the initiating half has learnt of it.
		if name, has := h.linkField(); has && r.ID == "" && c.Fields.Has(name) {
			began.phase = settled
			if h.from == invoices && !inStock(atoll.Fields{}.Set("status", c.Fields.Text("linked_status"))) {
				began.phase = answered
			}
			return began, nil
		}
	}
	return began, nil
}

// sent is begun, without the question which kind of answer is chosen.
func (h *half) sent(c process.Case) (bool, error) {
	of := *h
	of.applies = nil
	return of.begun(c)
}

// phaseOf returns how far an answered transfer has come.
func (h *half) phaseOf(c process.Case, r atoll.Record) (phase, error) {
	f, err := r.Fields()
	if err != nil || h.from != invoices {
		return settled, err
	}
	if h.to == receipts {
		if f.Text("status") == documents.Cancelled {
			return answered, nil // the sender's stock is not back yet
		}
		if f.Text("status") == documents.Finalised && !f.Has("linked_invoice_id") {
			return settled, nil // the store books its receipts in another way (R-D-64)
		}
		_, mf, ok, err := find(c.R, atoll.Key{Type: invoices.doc, ID: f.ID("linked_invoice_id")})
		if err == nil && ok && inStock(mf) {
			return settled, nil
		}
		return answered, err
	}
	if inStock(f) {
		return settled, nil
	}
	return answered, nil
}

func inStock(f atoll.Fields) bool {
	status := f.Text("status")
	return documents.Rank(status) >= documents.Rank(documents.Confirmed) && status != documents.Cancelled
}

// wake returns the documents that wait for an answer from stores that are active
// here: what they waited for may be the store.
func wake(c process.Case) ([]atoll.Key, error) {
	items, err := c.R.Scan(shelfOpen, "", 0, false)
	if err != nil {
		return nil, err
	}
	var out []atoll.Key
	for _, it := range items {
		key, ok := keyOf(it.Key)
		if !ok {
			continue
		}
		_, f, ok, err := find(c.R, key)
		if err != nil {
			return nil, err
		}
		partner := f.ID("partner_store_id")
		heir, open := c.T.Heir(partner)
		if ok && (partner == c.Record.ID || open && (heir.ID == c.Record.ID || c.Record.Type == "site" && answersFor(c, heir))) {
			out = append(out, key)
		}
	}
	return out, nil
}

func keyOf(place string) (atoll.Key, bool) {
	t, id, ok := strings.Cut(place, "/")
	return atoll.Key{Type: atoll.Type(t), ID: atoll.ID(id)}, ok
}
