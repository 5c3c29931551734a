package catalogue

import (
	"errors"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
)

const (
	someID  = `"01890a5d-ac96-774b-bcce-b302099a8057"`
	otherID = `"01890a5d-ac96-774b-bcce-b302099a8058"`
)

func fields(t testing.TB, s string) atoll.Fields {
	t.Helper()
	f, err := atoll.ParseFields([]byte(s))
	if err != nil {
		t.Fatalf("test data %s: %v", s, err)
	}
	return f
}

// wantFault fails unless err is a schema error on the field with a hint.
func wantFault(t *testing.T, err error, field string) {
	t.Helper()
	var e *atoll.Error
	if !errors.As(err, &e) || !errors.Is(err, atoll.Schema) {
		t.Fatalf("got %v; want an error of code %s", err, atoll.Schema)
	}
	if e.Field != field || e.Hint == "" || e.Subject == "" {
		t.Errorf("got field %q, subject %q, hint %q; want field %q and a hint", e.Field, e.Subject, e.Hint, field)
	}
}

const goodLine = `{"store_id":` + someID + `,"item_id":` + otherID + `,"pack_size":1.50,"total_number_of_packs":10,` +
	`"available_number_of_packs":7.250,"expiry_date":"2028-02-29","batch":"A-1","on_hold":false}`

func TestCheckWholeRecords(t *testing.T) {
	c := Embedded()
	if err := c.Check("stock_line", fields(t, goodLine)); err != nil {
		t.Fatalf("a good stock line is refused: %v", err)
	}
	for _, row := range []struct{ name, field, value string }{
		{"missing required", "pack_size", ""},
		{"null for required", "pack_size", "null"},
		{"decimal in quotation marks", "pack_size", `"1.5"`},
		{"decimal with exponent", "pack_size", "1e3"},
		{"decimal of 31 digits", "pack_size", strings.Repeat("9", 30) + ".1"},
		{"day that does not exist", "expiry_date", `"2027-02-29"`},
		{"date with time", "expiry_date", `"2027-02-28T00:00:00Z"`},
		{"text too long", "batch", `"` + strings.Repeat("x", 4001) + `"`},
		{"text with U+0000", "batch", `"a\u0000"`},
		{"text with half a surrogate pair", "batch", `"\ud800"`},
		{"number for text", "batch", "7"},
		{"text for boolean", "on_hold", `"false"`},
		{"id in capitals", "item_id", strings.ToUpper(otherID)},
		{"no id", "item_id", `"x"`},
		{"unknown field", "expiry", `"2027-02-28"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := fields(t, goodLine)
			delete(f, row.field)
			if row.value != "" {
				f[row.field] = []byte(row.value)
			}
			wantFault(t, c.Check("stock_line", f), row.field)
		})
	}
}

func TestUnknownFieldNamesTheNearest(t *testing.T) {
	f := fields(t, goodLine).Set("pack_sise", 1)
	err := Embedded().Check("stock_line", f)
	if err == nil || !strings.Contains(err.Error(), "did you mean pack_size?") {
		t.Errorf("got %v; want a hint at pack_size", err)
	}
	err = Embedded().Check("stockline", f)
	if !errors.Is(err, atoll.Unknown) || !strings.Contains(err.Error(), "stock_line") {
		t.Errorf("got %v; want %s with a hint at stock_line", err, atoll.Unknown)
	}
}

func TestCheckChange(t *testing.T) {
	c := Embedded()
	before := fields(t, goodLine)
	for _, row := range []struct{ name, changed, fault string }{
		{"nothing", `{}`, ""},
		{"a value", `{"total_number_of_packs":9}`, ""},
		{"optional cleared", `{"batch":null}`, ""},
		{"fixed as it was", `{"store_id":` + someID + `}`, ""},
		{"required cleared", `{"pack_size":null}`, "pack_size"},
		{"fixed changed", `{"store_id":` + otherID + `}`, "store_id"},
		{"fixed cleared", `{"store_id":null}`, "store_id"},
		{"wrong kind", `{"on_hold":1}`, "on_hold"},
		{"unknown", `{"colour":"red"}`, "colour"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := c.CheckChange("stock_line", before, fields(t, row.changed))
			if row.fault == "" {
				if err != nil {
					t.Errorf("got %v; want no error", err)
				}
				return
			}
			wantFault(t, err, row.fault)
		})
	}
}

// TestR_K_63_NewerSitesFieldsPass: what an older site does not know is kept.
func TestR_K_63_NewerSitesFieldsPass(t *testing.T) {
	c := Embedded()
	f := fields(t, goodLine).Set("radiation_dose", "low")
	if err := c.CheckReceived("stock_line", f); err != nil {
		t.Errorf("a newer site's field is refused: %v", err)
	}
	wantFault(t, c.Check("stock_line", f), "radiation_dose")
	if err := c.CheckReceivedChange("stock_line", f, fields(t, `{"radiation_dose":"high"}`)); err != nil {
		t.Errorf("a change of a newer site's field is refused: %v", err)
	}
	// A change made here leaves it alone, and no check stands in the way.
	if err := c.CheckChange("stock_line", f, fields(t, `{"batch":"B"}`)); err != nil {
		t.Errorf("a change beside a newer site's field is refused: %v", err)
	}
	// What is known is checked all the same.
	f.Set("on_hold", "no")
	wantFault(t, c.CheckReceived("stock_line", f), "on_hold")
	wantFault(t, c.CheckReceived("stock_line", fields(t, goodLine).Set("No such", 1)), "No such")
	wantFault(t, c.CheckReceived("stock_line", fields(t, goodLine).Set("No such", nil)), "No such")
}

// TestR_A_19_DecimalsKeepTheirText: checking does not read numbers as floats.
func TestR_A_19_DecimalsKeepTheirText(t *testing.T) {
	c := Embedded()
	for _, s := range []string{"0", "-0.10", "1.50", "0.000000000000000000000000000001"[:31], "123456789012345678901234567.890"} {
		f := fields(t, goodLine)
		f["pack_size"] = []byte(s)
		if err := c.Check("stock_line", f); err != nil {
			t.Errorf("pack size %s is refused: %v", s, err)
		}
		back := fields(t, string(f.Encode()))
		if got := string(back["pack_size"]); got != s {
			t.Errorf("pack size %s came back as %s", s, got)
		}
	}
	for _, s := range []string{"01", "1.", ".5", "+1", "1E2", "NaN", "--1", "-", "1.2.3", "0x10"} {
		if valid(Decimal, []byte(s)) {
			t.Errorf("%s passes as a decimal", s)
		}
	}
}

func TestValuesByKind(t *testing.T) {
	for _, row := range []struct {
		kind      Kind
		good, bad []string
	}{
		{
			Integer,
			[]string{"0", "-1", "9223372036854775807", "-9223372036854775808"},
			[]string{"", "-", "-0", "00", "1.0", "1e1", "9223372036854775808", "-9223372036854775809", `"1"`, "12345678901234567890"},
		},
		{Boolean, []string{"true", "false"}, []string{"0", `"true"`, "True"}},
		{Date, []string{`"0001-01-01"`, `"2024-02-29"`, `"2026-12-31"`}, []string{`"2026-02-30"`, `"2026-13-01"`, `"0000-00-00"`, `""`, `"2026-1-1"`}},
		{
			Time,
			[]string{`"2026-07-31T08:15:00Z"`, `"2026-07-31T08:15:00.123456789+05:30"`, `"2026-07-31T23:59:59-00:00"`},
			[]string{
				`"2026-07-31 08:15:00Z"`, `"2026-07-31T8:15:00Z"`, `"2026-07-31T08:15:60Z"`, `"2026-07-31T08:15:00"`, `"2026-07-31T08:15:00,5Z"`,
				`"2026-07-31T08:15:00.Z"`, `"2026-07-31T08:15:00.1234567890Z"`, `"2026-07-31T24:00:00Z"`, `"2026-07-31T08:15:00z"`, `"2026-07-31T08:15:00+0530"`,
			},
		},
		{Reference, []string{someID}, []string{`""`, `"01890A5D-AC96-774B-BCCE-B302099A8057"`, `"01890a5dac96774bbcceb302099a8057"`}},
		{Object, []string{`{}`, `[1,{"a":"b\\u0000"}]`, `"x"`, `{"a":"\u00e9\ud83d\ude00"}`}, []string{`{"a":"\u0000"}`, `{`, `"\ud800"`}},
	} {
		for _, s := range row.good {
			if !valid(row.kind, []byte(s)) {
				t.Errorf("%s %s is refused", row.kind, s)
			}
		}
		for _, s := range row.bad {
			if valid(row.kind, []byte(s)) {
				t.Errorf("%s %s passes", row.kind, s)
			}
		}
	}
}

func TestIndexAndReferences(t *testing.T) {
	c := Embedded()
	f := fields(t, goodLine)
	got := c.Index("stock_line", f)
	if len(got) != 4 || got["store_id"] != strings.Trim(someID, `"`) || got["batch"] != "A-1" || got["expiry_date"] != "2028-02-29" {
		t.Errorf("index of a stock line: %v", got)
	}
	if n := c.Index("site", fields(t, `{"number":7,"disabled":true}`)); n["number"] != "7" || n["disabled"] != "true" {
		t.Errorf("index of a site: %v", n)
	}
	refs := c.References("stock_line", f)
	want := []Ref{
		{"store_id", "store", atoll.ID(strings.Trim(someID, `"`)), true, false, false},
		{"item_id", "item", atoll.ID(strings.Trim(otherID, `"`)), true, false, false},
	}
	if len(refs) != 2 || refs[0] != want[0] || refs[1] != want[1] {
		t.Errorf("references of a stock line: got %v; want %v", refs, want)
	}
	line := c.References("invoice_line", fields(t, `{"invoice_id":`+someID+`}`))
	if len(line) != 1 || !line[0].Parent {
		t.Errorf("references of an invoice line: got %v; want its parent", line)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("stock_line", []byte(goodLine))
	f.Add("message", []byte(`{"kind":"x","status":"new","body":{"a":["\u00e9"]},"created_at":"2026-07-31T08:15:00Z"}`))
	f.Fuzz(func(t *testing.T, typ string, body []byte) {
		fields, err := atoll.ParseFields(body)
		if err != nil {
			return
		}
		c := Embedded()
		whole := c.Check(atoll.Type(typ), fields)
		received := c.CheckReceived(atoll.Type(typ), fields)
		if whole == nil && received != nil {
			t.Errorf("passes where it is made and fails where it arrives: %v", received)
		}
		if whole != nil && !errors.Is(whole, atoll.Schema) && !errors.Is(whole, atoll.Unknown) {
			t.Errorf("error %v has another code", whole)
		}
		if whole == nil {
			// What passes is kept to the byte, and passes again.
			again, err := atoll.ParseFields(fields.Encode())
			if err != nil || c.Check(atoll.Type(typ), again) != nil {
				t.Errorf("passes once and not again: %v", err)
			}
		}
		c.Index(atoll.Type(typ), fields)
		c.References(atoll.Type(typ), fields)
		c.CheckChange(atoll.Type(typ), fields, fields)
	})
}

func BenchmarkCheck(b *testing.B) {
	f := fields(b, `{"store_id":`+someID+`,"kind":"customer_invoice","number":12,"status":"confirmed","name_id":`+otherID+`,
		"partner_store_id":`+someID+`,"linked_number":4,"linked_status":"new","requisition_id":`+otherID+`,"on_hold":true,
		"their_reference":"PO 17","comment":"Urgent, cold chain","transport_reference":"KT-20","expected_delivery_date":"2026-08-04",
		"created_at":"2026-07-31T08:15:00Z","confirmed_at":"2026-07-31T09:15:00.250Z","currency_id":`+someID+`,
		"currency_rate":1.0,"tax_percent":0,"total_before_tax":1250.750,"total_after_tax":1250.750,"line_count":14,
		"colour":"#ff0000","user_id":"amina","custom_data":{"route":"north"}}`)
	c := Embedded()
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Check("invoice", f); err != nil {
			b.Fatal(err)
		}
	}
}
