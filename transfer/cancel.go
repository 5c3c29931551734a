package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
)

// AskCancel returns what asking for the cancellation of goods on their way changes
// (R-D-39). It is possible until the other store is known to have touched its half;
// what becomes of it is the other store's to say, and stock comes back only then.
func AskCancel(d documents.Desk, id atoll.ID) ([]journal.Proposal, error) {
	key := atoll.Key{Type: "invoice", ID: id}
	_, f, ok, err := find(d.R, key)
	if err != nil {
		return nil, err
	}
	instead, sent := "have the other store return the goods with a supplier credit", ".goods"
	if f.Text("kind") == documents.SupplierCredit {
		instead, sent = "have the other store send the goods again", ".return"
	}
	switch kind := f.Text("kind"); {
	case !ok:
		return nil, atoll.Errorf(atoll.NotFound, "there is no such document").About(key)
	case kind != documents.CustomerInvoice && kind != documents.SupplierCredit:
		return nil, atoll.Errorf(atoll.LifeCycle, "only goods on their way to another store can be asked back").About(key).Because("ask.nothing")
	case f.Text("status") != documents.Finalised:
		return nil, atoll.Errorf(atoll.LifeCycle, "the document is %s: nobody need be asked", f.Text("status")).About(key).Do("cancel it").Because("ask.open", "status", f.Text("status"))
	case !f.Has("partner_store_id"):
		return nil, atoll.Errorf(atoll.LifeCycle, "only goods on their way to another store can be asked back").About(key).Because("ask.nothing")
	case f.Has("cancel_refused_at"):
		return nil, atoll.Errorf(atoll.LifeCycle, "the other store has refused to cancel it").About(key).Do("%s", instead).Because("ask.refused" + sent)
	case f.Has("cancel_requested_at"):
		return nil, atoll.Errorf(atoll.LifeCycle, "its cancellation was asked for on %s", f.Text("cancel_requested_at")).About(key).
			Do("wait for the other store's answer").Because("ask.asked", "time", f.Text("cancel_requested_at"))
	case f.Has("linked_status") && f.Text("linked_status") != documents.New:
		return nil, atoll.Errorf(atoll.LifeCycle, "the other store's document is %s already", f.Text("linked_status")).About(key).Do("%s", instead).
			Because("ask.touched"+sent, "status", f.Text("linked_status"))
	}
	if heir, open := d.T.Heir(f.ID("partner_store_id")); !open && heir.ID != "" {
		return nil, atoll.Errorf(atoll.LifeCycle, "%s is closed: nobody there can give the goods up", heir.Name).About(key).
			Do("have the store opened again or a successor named at the centre (atoll store disable STORE --off, atoll transfer successor), then ask").
			Because("ask.closed", "store", heir.Name)
	}
	return []journal.Proposal{{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.Set("cancel_requested_at", atoll.Stamp(d.Now))}}, nil
}

// cancelKind answers a request to cancel, at the other store's site: an untouched
// half on hold is cancelled, any other is kept and the sender told.
func (h *half) cancelKind() process.Kind {
	return process.Kind{
		Name: "cancel " + h.name, Type: h.from.doc, Needs: "cancel_requested_at", Wakes: h.givenUp,
		Answer: func(c process.Case) ([]journal.Proposal, error) {
			if !c.Fields.Has("cancel_requested_at") || c.Fields.Text("kind") != h.kind {
				return nil, nil
			}
			r, err := h.answered(c)
			if err != nil || r.ID == "" || r.Deleted || !c.Owns(r) {
				return nil, err
			}
			f, err := r.Fields()
			if err != nil || ended(r, f) || f.Has("cancel_refused_at") || f.Number("number") == "-1" {
				return nil, err
			}
			ok, err := h.untouched(c, r, f)
			if err != nil {
				return nil, err
			}
			if ok {
				return desk(c).Do(documents.Cancel, r.Key)
			}
			if h.to != invoices {
				return nil, nil
			}
			return []journal.Proposal{{Verb: atoll.Update, Key: r.Key, Fields: atoll.Fields{}.Set("cancel_refused_at", atoll.Stamp(c.Now))}}, nil
		},
	}
}

// untouched reports whether the responding half is as it was made, and on hold.
func (h *half) untouched(c process.Case, r atoll.Record, f atoll.Fields) (bool, error) {
	if f.Text("status") != documents.New || h.to == invoices && h.as == documents.SupplierInvoice && !f.Bool("on_hold", false) {
		return false, nil
	}
	lines, err := linesOf(c.R, h.to, r.ID)
	if err != nil {
		return false, err
	}
	for _, l := range lines {
		lf := l.MustFields()
		if !lf.Has(h.lineLink) || l.Version > 1 && !sameAsSent(h, lf) {
			return false, nil
		}
	}
	return true, nil
}

func sameAsSent(h *half, f atoll.Fields) bool {
	packs, size := f.Number("number_of_packs"), f.Number("pack_size")
	if h.to == receipts {
		packs, size = f.Number("number_of_packs_received"), f.Number("received_pack_size")
	}
	have := documents.Mul(or0(packs), or0(size))
	return documents.Compare(have, documents.Mul(or0(f.Number("sent_number_of_packs")), or0(f.Number("sent_pack_size")))) == 0
}

// givenUp returns the other half if it is given up: it may have been before this one was
// put back, because what its site had made of it was refused.
func (h *half) givenUp(c process.Case) ([]atoll.Key, error) {
	if !c.Fields.Has("cancel_requested_at") || c.Fields.Text("status") != documents.Finalised || !c.Owns(c.Record) {
		return nil, nil
	}
	r, err := h.answered(c)
	if err != nil || r.ID == "" {
		return nil, err
	}
	f, err := r.Fields()
	if err != nil || !ended(r, f) {
		return nil, err
	}
	return []atoll.Key{r.Key}, nil
}

// giveBack restores the sender's stock once the other half is cancelled, or deleted as
// it may be when that was asked for.
func (h *half) giveBack() process.Kind {
	return process.Kind{
		Name: "give back " + h.name, Type: h.to.doc, Needs: h.link, Gone: true,
		Answer: func(c process.Case) ([]journal.Proposal, error) {
			if c.Fields.Text("kind") != h.as || c.Fields.Text("status") != documents.Cancelled && !c.Record.Deleted {
				return nil, nil
			}
			r, own, ok, err := find(c.R, atoll.Key{Type: h.from.doc, ID: c.Fields.ID(h.link)})
			if err != nil || !ok || !c.Owns(r) || own.Text("status") != documents.Finalised || !own.Has("cancel_requested_at") {
				return nil, err
			}
			return desk(c).Do(documents.Cancel, r.Key)
		},
	}
}

// ended reports whether a document is out of the life cycle or gone.
func ended(r atoll.Record, f atoll.Fields) bool {
	return r.ID == "" || r.Deleted || f.Text("status") == documents.Cancelled
}
