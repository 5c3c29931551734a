package documents_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/golden"
)

// kinds are every kind of document.
var kinds = []struct {
	t     atoll.Type
	kinds []string
}{
	{"invoice", []string{
		documents.CustomerInvoice, documents.SupplierInvoice, documents.CustomerCredit, documents.SupplierCredit,
		documents.InventoryAddition, documents.InventoryReduction, documents.Repack, documents.Build,
	}},
	{"requisition", []string{documents.Request, documents.Response, documents.Imprest, documents.StockHistory}},
	{"prescription", []string{""}},
	{"purchase_order", []string{""}},
	{"goods_received", []string{""}},
	{"stocktake", []string{""}},
	{"payment", []string{"payment", "receipt"}},
}

// TestR_D_31_R_D_34_LifeCycle: what may be done with each kind of document in each
// status, and as what it answers another store's, is what the page of it says.
// D.4, R_D_36.
func TestR_D_31_R_D_34_LifeCycle(t *testing.T) {
	var b strings.Builder
	more := []struct {
		words string
		f     atoll.Fields
	}{
		{"", nil},
		{", answers a store's", atoll.Fields{}.Set("originating_id", "x").Set("on_hold", true)},
		{", answers a store's, off hold", atoll.Fields{}.Set("originating_id", "x")},
		{", waits for approval", atoll.Fields{}.Set("approval_status", "pending")},
	}
	for _, k := range kinds {
		for _, kind := range k.kinds {
			for _, m := range more {
				if m.f.Has("approval_status") && kind != documents.Response || m.f.Has("originating_id") && !slices.Contains([]string{
					documents.SupplierInvoice, documents.CustomerCredit, documents.Response,
				}, kind) {
					continue
				}
				_, _ = fmt.Fprintf(&b, "%s%s\n", strings.TrimSpace(string(k.t)+" "+kind), m.words)
				for _, status := range []string{documents.New, documents.Suggested, documents.Confirmed, documents.Finalised, documents.Cancelled} {
					f := m.f.Clone()
					if f == nil {
						f = atoll.Fields{}
					}
					s := documents.Standing{Type: k.t, Fields: f.Set("kind", kind).Set("status", status)}
					var may []string
					for _, c := range documents.Choices(s) {
						if c.Allowed {
							may = append(may, string(c.Action))
						} else if c.Why == "" || c.Hint == "" && c.Action != documents.Authorise && c.Action != documents.Deny {
							t.Errorf("%s of a %s %s: no reason, or no hint: %+v", c.Action, status, k.t, c)
						}
					}
					if len(may) == 0 {
						may = []string{"-"}
					}
					_, _ = fmt.Fprintf(&b, "  %-10s %s\n", status, strings.Join(may, " "))
				}
			}
		}
	}
	golden.File(t, "testdata/life.golden", b.String())
}

// TestThePageTellsTheLifeCycle: the table in docs/documents.md is the one in force.
func TestThePageTellsTheLifeCycle(t *testing.T) {
	const page, begin, end = "../docs/documents.md", "-update -->\n", "<!-- life ends -->"
	var b strings.Builder
	b.WriteString("\n| document | new | suggested | confirmed |\n|---|---|---|---|\n")
	for _, k := range kinds {
		for _, kind := range k.kinds {
			name := strings.ReplaceAll(kind, "_", " ")
			if kind == "" || k.t == "requisition" {
				name = strings.TrimSpace(name + " " + strings.ReplaceAll(string(k.t), "_", " "))
			}
			b.WriteString("| " + name + " |")
			for _, status := range []string{documents.New, documents.Suggested, documents.Confirmed} {
				var may []string
				for _, c := range documents.Choices(documents.Standing{Type: k.t, Fields: atoll.Fields{}.Set("kind", kind).Set("status", status)}) {
					if c.Allowed {
						may = append(may, strings.ReplaceAll(string(c.Action), "_", " "))
					}
				}
				b.WriteString(" " + strings.Join(may, ", ") + " |")
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("\n")
	golden.Between(t, page, begin, end, b.String())
}

// TestR_D_39_R_D_32_TakenBack: what answers another store's document is taken back only
// when that store asked for it or took its own back; what was finalised only when
// the other store gave up its half. R_D_32: the same for a pre-advice, which is
// locked besides.
func TestR_D_39_R_D_32_TakenBack(t *testing.T) {
	si := atoll.Fields{}.Set("kind", documents.SupplierInvoice).Set("status", documents.New).Set("originating_id", "x")
	ci := atoll.Fields{}.Set("kind", documents.CustomerInvoice).Set("status", documents.Finalised).Set("partner_store_id", "s")
	may := func(s documents.Standing, act documents.Action) bool {
		for _, c := range documents.Choices(s) {
			if c.Action == act {
				return c.Allowed
			}
		}
		t.Errorf("%s is not told of", act)
		return false
	}
	for _, c := range []struct {
		words string
		s     documents.Standing
		act   documents.Action
		want  bool
	}{
		{"nobody asked", documents.Standing{Fields: si, Other: ci}, documents.Cancel, false},
		{"nobody asked", documents.Standing{Fields: si}, documents.Delete, false},
		{"asked", documents.Standing{Fields: si, Other: ci.Clone().Set("cancel_requested_at", "2026-01-05T00:00:00Z")}, documents.Cancel, true},
		{"taken back", documents.Standing{Fields: si, Other: ci, OtherGone: true}, documents.Delete, true},
		{"asked, and received already", documents.Standing{
			Fields: si.Clone().Set("status", documents.Confirmed), Other: ci.Clone().Set("cancel_requested_at", "2026-01-05T00:00:00Z"),
		}, documents.Cancel, false},
		{"other half open", documents.Standing{Fields: ci, Other: si}, documents.Cancel, false},
		{"other half not known", documents.Standing{Fields: ci}, documents.Cancel, false},
		{"other half given up", documents.Standing{Fields: ci, Other: si.Clone().Set("status", documents.Cancelled)}, documents.Cancel, true},
		{"other half gone", documents.Standing{Fields: ci, OtherGone: true}, documents.Cancel, true},
		{"pre-advice", documents.Standing{Fields: si.Clone().Set("is_pre_advice", true)}, documents.Receive, false},
		{"pre-advice", documents.Standing{Fields: si.Clone().Set("is_pre_advice", true)}, documents.EditLines, false},
		{"no pre-advice", documents.Standing{Fields: si}, documents.Receive, true},
	} {
		c.s.Type = "invoice"
		if got := may(c.s, c.act); got != c.want {
			t.Errorf("%s, %s: %v, want %v", c.words, c.act, got, c.want)
		}
	}
}
