package hunt

import (
	"cmp"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// numbered are the documents that have numbers of their store's own sequences.
var numbered = []atoll.Type{"invoice", "requisition", "purchase_order", "goods_received", "stocktake", "prescription"}

// numbers: within a store a number is given once for each kind of document (R-B-111).
// What the primary orders for a store has the primary's own numbers (R-D-70).
func numbers(w *World) error {
	type given struct {
		store  atoll.ID
		kind   string
		by     atoll.SiteID // the primary; 0 for the store itself
		number int64
	}
	for _, n := range w.Nodes() {
		for _, s := range w.ActiveStores(n) {
			for _, kind := range numbered {
				seen := map[given]atoll.ID{}
				docs := w.List(n, kind, "store_id", string(s.ID))
				slices.SortFunc(docs, func(a, b station.Record) int { return cmp.Compare(a.ID, b.ID) })
				for _, doc := range docs {
					g := given{s.ID, string(kind) + " " + doc.Fields.Text("kind"), 0, doc.Fields.Int("number")}
					if by := atoll.SiteID(doc.Fields.Int("owning_site")); by != s.Site && (by == atoll.CentreID || by == w.Topology(n).Primary()) {
						g.by = by
					}
					if g.number <= 0 {
						continue
					}
					w.Looked("numbers", 1)
					if other, twice := seen[g]; twice {
						w.Breach("numbers", "in store %s %s and %s are both %s number %d", s.Code, other, doc.ID, g.kind, g.number)
					}
					seen[g] = doc.ID
				}
			}
		}
	}
	return nil
}
