package central

import (
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// accept makes the changes of a refused entry here, as an edit of the centre's own
// in the name of who decides: they stand by the right of the records' owner, which
// must be the centre now (R-F-23, R-I-25). The site gets the records as they then
// are, for what it has is another version.
func (c *Centre) accept(tx storage.Tx, r storage.Refusal, by string) error {
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil {
		return err
	}
	var do []journal.Proposal
	for _, op := range e.Operations {
		if !op.Withheld.IsZero() {
			return atoll.Errorf(atoll.Rule, "the entry's content stayed at its site, so it cannot be taken over").About(op.Key).Because("accept.withheld")
		}
		p, err := c.acceptable(tx, op)
		if err != nil {
			return err
		}
		do = append(do, p)
	}
	cause := atoll.Cause{Kind: "accepted", Ref: atoll.Origin{Site: r.Site, Seq: r.Seq}.String()}
	if _, err := c.Door.Write(tx, journal.Edit{Actor: by, Cause: cause, Do: do}); err != nil {
		return err
	}
	for _, op := range e.Operations {
		if err := c.Door.Return(tx, r.Site, op.Key); err != nil {
			return err
		}
	}
	return nil
}

// acceptable turns an operation into a proposal on the record as it stands.
func (c *Centre) acceptable(tx storage.Tx, op atoll.Operation) (journal.Proposal, error) {
	p := journal.Proposal{Verb: op.Verb, Key: op.Key, Fields: op.Fields}
	rec, err := tx.Record(op.Key)
	there := err == nil
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return p, err
	}
	if op.Gone() {
		p.Verb, p.Fields = atoll.Delete, nil
	}
	switch {
	case there && rec.Deleted:
		return p, atoll.Errorf(atoll.Rule, "the record was deleted since").About(op.Key).Do("return the true record to the site instead").Because("accept.deleted")
	case there && (p.Verb == atoll.Insert || p.Verb == atoll.Restate):
		p.Verb = atoll.Update
	case !there && p.Verb == atoll.Restate:
		p.Verb = atoll.Insert
	case !there && p.Verb != atoll.Insert:
		return p, atoll.Errorf(atoll.Reference, "the record to %s is not here", p.Verb).About(op.Key).Because("accept.missing")
	}
	if !there {
		return p, nil // the door asks who may make it
	}
	owner, err := c.Door.Owner(tx, rec)
	if err != nil {
		return p, err
	}
	if owner.Site != c.Door.Site {
		return p, atoll.Errorf(atoll.Ownership, "the record belongs to site %d (%s), so it cannot be changed here", owner.Site, owner.Why).
			About(op.Key).Do("let its owner make the change, then return the true record to site %d", owner.Site).Because("accept.owner", "site", owner.Site)
	}
	return p, nil
}

// itsOwn reports whether the site that a refused entry is of may make every one of its
// changes now.
func (c *Centre) itsOwn(tx storage.Tx, r storage.Refusal) (bool, error) {
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil {
		return false, err
	}
	for _, op := range e.Operations {
		if _, err := c.writer(tx, r.Site, op); err != nil {
			return false, nil //nolint:nilerr // a right that cannot be told is none
		}
	}
	return len(e.Operations) > 0, nil
}

// renew gives the operations the epochs that stand now.
func (c *Centre) renew(tx storage.Tx, site atoll.SiteID, ops []atoll.Operation) error {
	for i := range ops {
		by, err := c.writer(tx, site, ops[i])
		if err != nil {
			return err
		}
		ops[i].Epoch = by.Epoch
	}
	return nil
}

// writer tells under which ownership the site may make the operation now. The error says
// why it may not.
func (c *Centre) writer(tx storage.Tx, site atoll.SiteID, op atoll.Operation) (authority.Owner, error) {
	def, ok := c.Door.Judge.Catalogue.Lookup(op.Type)
	if !ok {
		return authority.Owner{}, atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", op.Type)
	}
	t, err := c.Door.Topology(tx)
	if err != nil {
		return authority.Owner{}, err
	}
	fields := op.Fields
	if rec, err := tx.Record(op.Key); err == nil {
		fields = rec.MustFields().Apply(op.Fields)
	}
	s, err := admit.SubjectOf(viewOf(tx), def, op.Key, fields)
	if err != nil {
		return authority.Owner{}, err
	}
	return authority.MayWrite(t, site, op.Verb, s)
}
