package catalogue

import (
	"testing"

	"github.com/atollsync/atoll"
)

// What a store has is put in order by when it was made, whatever zone that was said in;
// lines, items and people are in no such order.
func TestMadeIn(t *testing.T) {
	c := Embedded()
	store := atoll.DeriveID("store")
	for _, typ := range []atoll.Type{"invoice", "requisition", "purchase_order", "goods_received", "stocktake", "prescription", "payment"} {
		by := c.MadeIn(typ, store)
		if by == "" {
			t.Fatalf("%s is in no order", typ)
		}
		for at, want := range map[string]string{
			"2026-03-01T09:00:00Z": "2026-03-01T09:00:00.000Z", "2026-03-01T12:00:00.25+03:00": "2026-03-01T09:00:00.250Z", "": "", "yesterday": "",
		} {
			f := atoll.Fields{}.Set("store_id", store)
			if at != "" {
				f.Set("created_at", at)
			}
			if got, ok := c.Index(typ, f)[by]; !ok || got != want {
				t.Errorf("%s made %q is at %q, %t; want %q", typ, at, got, ok, want)
			}
		}
		if got := c.MadeIn(typ, ""); got != "" {
			t.Errorf("%s of no store is ordered by %q", typ, got)
		}
	}
	for _, typ := range []atoll.Type{"invoice_line", "item", "patient", "stock_line", "site", "nothing"} {
		if by := c.MadeIn(typ, store); by != "" {
			t.Errorf("%s is ordered by %q", typ, by)
		}
	}
}
