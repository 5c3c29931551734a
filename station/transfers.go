package station

import (
	"context"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/transfer"
)

// Transfers returns the transfers under way that the filter takes, the oldest
// first, as far as this installation knows. The centre's own list knows more: see
// central.Centre.Transfers.
func (s *Station) Transfers(ctx context.Context, f transfer.Filter) ([]transfer.Transfer, error) {
	var out []transfer.Transfer
	err := s.Store.View(ctx, func(r storage.Reader) error {
		t, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		out, err = transfer.List(r, t, s.Now(), f, nil)
		return err
	})
	return out, err
}

// PrepareShipment makes a customer invoice for a response requisition, with the
// stock that expires first (R-D-06), and returns its id.
func (s *Station) PrepareShipment(ctx context.Context, actor string, requisition atoll.ID) (atoll.ID, error) {
	var id atoll.ID
	_, err := s.Act(ctx, actor, atoll.Cause{Kind: "user"}, func(d documents.Desk) (do []journal.Proposal, err error) {
		if err := s.acts(ctx, d, atoll.Key{Type: "requisition", ID: requisition}); err != nil {
			return nil, err
		}
		id, do, err = transfer.PrepareShipment(d, requisition)
		return do, err
	})
	return id, err
}

// AskCancel asks the other store to give up goods that are on their way (R-D-39).
func (s *Station) AskCancel(ctx context.Context, actor string, invoice atoll.ID) error {
	_, err := s.Act(ctx, actor, atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
		if err := s.acts(ctx, d, atoll.Key{Type: "invoice", ID: invoice}); err != nil {
			return nil, err
		}
		return transfer.AskCancel(d, invoice)
	})
	return err
}

// MayAskBack is nil when the goods of the invoice could be asked back now, else why
// not.
func (s *Station) MayAskBack(ctx context.Context, invoice atoll.ID) error {
	return s.Store.View(ctx, func(r storage.Reader) error {
		t, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		_, err = transfer.AskCancel(documents.Desk{R: r, T: t, Now: s.Now()}, invoice)
		return err
	})
}

// Decide records the authorisers' decision about a requisition that waits for one
// (R-D-36). Where the requisition is worked in it is written into it; elsewhere it is
// made at the centre, and that site carries it out.
func (s *Station) Decide(ctx context.Context, actor string, requisition atoll.ID, yes bool, comment string, quantities map[atoll.ID]string) error {
	_, err := s.Act(ctx, actor, atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
		key := atoll.Key{Type: "requisition", ID: requisition}
		if err := s.acts(ctx, d, key); err != nil {
			return nil, err
		}
		r, err := d.R.Record(key)
		if err == nil {
			if owner, err := s.Door.Owner(d.R, r); err == nil && owner.Site == s.Door.Site {
				return transfer.DecideHere(d, requisition, yes, actor, comment, quantities)
			}
		}
		return transfer.Decide(d, requisition, yes, actor, comment, quantities)
	})
	return err
}

// Differences returns the lines of shipments that were received otherwise than
// sent, of one store's shipments or of all (R-D-29).
func (s *Station) Differences(ctx context.Context, store atoll.ID) ([]transfer.Shortfall, error) {
	var out []transfer.Shortfall
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		out, err = transfer.Differences(r, store)
		return err
	})
	return out, err
}
