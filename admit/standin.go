package admit

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// stoodIn reports whether the record is one that the centre made in the place of a
// site whose program cannot (R-D-14), and that nobody has touched since: part of an
// answer to another store's document that does not go to that store yet. If the site
// turns out to have made the same record itself, its own takes the place; the
// identities are derived, so both mean the same (R-D-12).
func stoodIn(def *catalogue.Def, op *atoll.Operation, before *atoll.Record, old atoll.Fields) bool {
	if op.Verb != atoll.Insert || before == nil || before.Deleted || before.Version != 1 ||
		before.Origin.Site != atoll.CentreID || def.Partner == "" || old.Has(def.Partner) {
		return false
	}
	for _, link := range []string{"originating_id", "purchase_order_id", "purchase_order_line_id"} {
		if old.Has(link) && old.ID(link) == op.Fields.ID(link) {
			return true
		}
	}
	return false
}
