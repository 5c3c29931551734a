package api

import (
	"context"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

// propose returns the proposals if the user may make them as changes of records.
func (s *server) propose(ctx context.Context, d documents.Desk, do ...journal.Proposal) ([]journal.Proposal, error) {
	if err := s.Station.MayChange(visitOf(ctx).User, d, do...); err != nil {
		return nil, err
	}
	return do, nil
}

// nouns are the record types that operations are about, by what their names end
// in. Operations on records say themselves which types they change.
var nouns = map[string]atoll.Type{
	"record": "", "records": "",
	"invoice": "invoice", "requisition": "requisition", "stocktake": "stocktake", "prescription": "prescription", "payment": "payment",
	"purchase-order": "purchase_order", "goods-receipt": "goods_received", "stock": "stock_line",
}

// mobileMayDo lets a mobile client do what changes records it may send, and nothing
// else that changes anything (R-B-104). An operation that is not known here is
// refused: it was made for others.
func (s *server) mobileMayDo(u station.User, power station.Power, operation string) error {
	if u.Role != station.MobileClient || power == station.MayRead {
		return nil
	}
	_, noun, _ := strings.Cut(operation, "-")
	t, known := nouns[noun]
	if known && t == "" {
		return nil // asked of each change, by propose
	}
	if def, ok := s.Catalogue.Lookup(t); known && ok && def.Mobile != nil {
		return nil
	}
	what := "this"
	if known {
		what = "this: it may not send records of type " + string(t)
	}
	return atoll.Errorf(atoll.Denied, "a mobile client may not do %s", what).Do("make the change at the site's server or at the centre")
}
