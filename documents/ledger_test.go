package documents_test

import (
	"encoding/json"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
)

func n(s string) json.Number { return json.Number(s) }

// TestR_J_09_Ledger starts from stock that is what its documents say, and spoils
// it, row by row.
func TestR_J_09_Ledger(t *testing.T) {
	const line = atoll.ID("0197f3a2-0000-7000-8000-000000000001")
	stock := func() atoll.Fields {
		return atoll.Fields{}.Set("store_id", "s").Set("item_id", "i").Set("opening_number_of_packs", n("10")).
			Set("total_number_of_packs", n("12.5")).Set("available_number_of_packs", n("11.5"))
	}
	posting := func(status, kind, packs, at string) documents.Posting {
		return documents.Posting{
			Type:   "invoice",
			Header: atoll.Fields{}.Set("status", status).Set("confirmed_at", at),
			Line:   atoll.Fields{}.Set("kind", kind).Set("stock_line_id", line).Set("number_of_packs", n(packs)),
		}
	}
	good := func() []documents.Posting {
		return []documents.Posting{
			posting("finalised", "stock_out", "8", "2026-01-01T00:00:00Z"),
			posting("confirmed", "stock_in", "10.5", "2026-01-02T00:00:00Z"),
			posting("suggested", "stock_out", "1", ""),
			posting("new", "stock_out", "99", ""),
			posting("cancelled", "stock_in", "99", ""),
			posting("finalised", "service", "99", "2026-01-01T00:00:00Z"),
		}
	}
	for _, c := range []struct {
		words                   string
		spoil                   func(s atoll.Fields, p []documents.Posting) []documents.Posting
		total, reserved, lowest string // what it is off by; "" for no difference
	}{
		{"as it should be", func(_ atoll.Fields, p []documents.Posting) []documents.Posting { return p }, "", "", ""},
		{"no opening", func(s atoll.Fields, p []documents.Posting) []documents.Posting {
			s.Set("opening_number_of_packs", n("0"))
			return p
		}, "10.0", "0", "-8"},
		{"a lost document", func(_ atoll.Fields, p []documents.Posting) []documents.Posting { return p[1:] }, "-8.0", "0", ""},
		{"a lost reservation", func(_ atoll.Fields, p []documents.Posting) []documents.Posting { return append(p[:2:2], p[3:]...) }, "0", "1.0", ""},
		{"too many available", func(s atoll.Fields, p []documents.Posting) []documents.Posting {
			s.Set("available_number_of_packs", n("12.5"))
			return p
		}, "0", "-1", ""},
		{"issued before it came", func(_ atoll.Fields, p []documents.Posting) []documents.Posting {
			p[0].Line.Set("number_of_packs", n("18"))
			p[1].Line.Set("number_of_packs", n("20.5"))
			return p
		}, "0", "0", "-8"},
		{"in the same second what comes is first", func(_ atoll.Fields, p []documents.Posting) []documents.Posting {
			p[0] = posting("finalised", "stock_out", "18", "2026-01-01T00:00:00Z")
			p[1] = posting("finalised", "stock_in", "20.5", "2026-01-01T00:00:00Z")
			return p
		}, "", "", ""},
		{"backdated", func(_ atoll.Fields, p []documents.Posting) []documents.Posting {
			p[0].Line.Set("number_of_packs", n("18"))
			p[1].Line.Set("number_of_packs", n("20.5"))
			p[1].Header.Set("backdated_at", "2025-12-31T00:00:00Z")
			return p
		}, "", "", ""},
	} {
		t.Run(c.words, func(t *testing.T) {
			s := stock()
			got := documents.Ledger([]documents.StockState{{ID: line, Fields: s}}, c.spoil(s, good()))
			if c.total == "" {
				if len(got) > 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("%d lines differ, want one", len(got))
			}
			d := got[0]
			if documents.Compare(d.Off.Total, c.total) != 0 || documents.Compare(d.Off.Reserved, c.reserved) != 0 || d.Lowest != c.lowest || d.StockLine != line {
				t.Errorf("%+v; want it off by %s, %s, lowest %q", d, c.total, c.reserved, c.lowest)
			}
		})
	}
}

func TestDivisionIsExactOrRoundedToEven(t *testing.T) {
	for _, c := range [][3]string{
		{"1.50", "10", "0.15"},
		{"1", "3", "0.333333333333"},
		{"2", "3", "0.666666666667"},
		{"60", "1", "60"},
		{"1", "0", "0"},
		{"0.0000000000005", "1", "0"},
		{"0.0000000000015", "1", "0.000000000002"},
		{"12345678901234567890.5", "5", "2469135780246913578.1"},
	} {
		if got := documents.Div(c[0], c[1]); got != c[2] {
			t.Errorf("%s ÷ %s is %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
