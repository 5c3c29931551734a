package central_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// TestR_I_20_SummariesAreOfStates: lists of all sites show of each site what its status
// says, field for field, and what it says now.
func TestR_I_20_SummariesAreOfStates(t *testing.T) {
	w := newRig(t).Centre
	for _, name := range []string{"Mulago", "Kasubi", "Arua"} {
		if _, _, err := w.Centre.AddSite(t.Context(), "test", name, topology.Server); err != nil {
			t.Fatal(err)
		}
	}
	same := func() []central.SiteSummary {
		t.Helper()
		all, err := w.Centre.Sites(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, top, err := w.Centre.Summaries(t.Context())
		if err != nil || len(got) != len(all) || len(got) < 3 || top == nil {
			t.Fatalf("%d of %d sites, %v", len(got), len(all), err)
		}
		for i := range all {
			if want := all[i].Summary(); !reflect.DeepEqual(got[i], want) {
				t.Errorf("got %+v %+v, want %+v %+v", got[i], *got[i].State, want, *want.State)
			}
		}
		return got
	}
	before := same()
	// Every field is written, whatever Summary comes to have.
	full := central.SiteState{Site: before[1].ID, Key: []byte("key"), Device: "a \"device\"", Orders: []string{"resend"}}
	v := reflect.ValueOf(&full.Summary).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case time.Time:
			f.Set(reflect.ValueOf(time.Date(2026, 3, 2, 8, i, 0, 123456000, time.UTC)))
		default:
			switch f.Kind() {
			case reflect.String:
				f.SetString("text \"" + string(rune('a'+i)) + "\" \u00e9\n")
			case reflect.Int, reflect.Int64:
				f.SetInt(int64(-1000 - i))
			case reflect.Uint64:
				f.SetUint(uint64(1000 + i)) //nolint:gosec // a small one
			default:
				t.Fatalf("%s is of another kind", v.Type().Field(i).Name)
			}
		}
	}
	if err := w.Store.Update(t.Context(), func(tx storage.Tx) error { return storage.Save(tx, "site", "000000000"+full.Site.String(), full) }); err != nil {
		t.Fatal(err)
	}
	after := same()
	if !reflect.DeepEqual(*after[1].State, full.Summary) {
		t.Errorf("got %+v, want %+v", *after[1].State, full.Summary)
	}
	if before[0].State != after[0].State {
		t.Error("the summary of a state that is as it was is made again")
	}
	if err := w.Centre.Pause(t.Context(), "test", before[0].ID, "market day"); err != nil {
		t.Fatal(err)
	}
	if got := same(); got[0].State.Paused != "market day" || before[0].State.Paused != "" {
		t.Errorf("paused for %q, and before for %q", got[0].State.Paused, before[0].State.Paused)
	}
	// A state that is lost is said to be, and none is shown in its place.
	if err := w.Store.Update(t.Context(), func(tx storage.Tx) error { return tx.Drop("site", "000000000"+full.Site.String()) }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Centre.Summaries(t.Context()); atoll.CodeOf(err) != atoll.SiteUnknown {
		t.Errorf("got %v", err)
	}
}

// Who asks for attention first is said in one place: by light, then by silence.
func TestUrgency(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 1, time.UTC)
	order := []central.Urgency{
		central.UrgencyOf(central.Red, time.Time{}), central.UrgencyOf(central.Red, now), central.UrgencyOf(central.Amber, now.Add(-time.Nanosecond)),
		central.UrgencyOf(central.Amber, now), central.UrgencyOf(central.Grey, time.Time{}), central.UrgencyOf(central.Green, now),
	}
	for i, a := range order {
		for j, b := range order {
			if got, want := a.Compare(b), map[bool]int{true: -1}[i < j]; got != want && (i <= j || got != 1) {
				t.Errorf("%d against %d: %d", i, j, got)
			}
		}
	}
}
