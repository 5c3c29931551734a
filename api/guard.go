package api

import (
	"context"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// mayWrite refuses changes of records that shape the system to users who may not
// configure it. Fields that only acts of configuration change are refused by the
// station; a store that is inserted as a record would pass by their checks.
func mayWrite(ctx context.Context, p journal.Proposal) error {
	if !topology.Shapes(p.Key.Type) {
		return nil
	}
	if u := visitOf(ctx).User; !u.Role.May(station.MayConfigure) {
		return atoll.Errorf(atoll.Denied, "a %s may not change the configuration", strings.ReplaceAll(string(u.Role), "_", " ")).
			About(p.Key).Do("ask someone who is %s", holders(station.MayConfigure))
	}
	if p.Key.Type == "store" && p.Verb == atoll.Insert {
		return atoll.Errorf(atoll.Rule, "a store is not made as a record").About(p.Key).Do("use POST %s/stores", prefix)
	}
	return nil
}

// mayCurate refuses changes of central data to users without that right, wherever
// the right to edit it is now (R-F-06, R-F-21).
func (s *server) mayCurate(ctx context.Context, d documents.Desk, p journal.Proposal) error {
	def, ok := s.Catalogue.Lookup(p.Key.Type)
	if !ok || authority.Editor(d.T, def) != catalogue.ByPrimary {
		return nil
	}
	if u := visitOf(ctx).User; !u.Role.May(station.MayCurate) {
		return atoll.Errorf(atoll.Denied, "a %s may not change central data", strings.ReplaceAll(string(u.Role), "_", " ")).
			About(p.Key).Do("ask someone who is %s", holders(station.MayCurate))
	}
	return nil
}

// propose returns the proposals if the user may make them as changes of records.
func (s *server) propose(ctx context.Context, d documents.Desk, do ...journal.Proposal) ([]journal.Proposal, error) {
	if err := s.Station.MaySend(visitOf(ctx).User, d, do...); err != nil {
		return nil, err
	}
	for _, p := range do {
		if err := mayWrite(ctx, p); err != nil {
			return nil, err
		}
		if err := s.mayCurate(ctx, d, p); err != nil {
			return nil, err
		}
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
