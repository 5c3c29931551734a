package simulate

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
)

// TestR_C_07_R_C_115: the tab is changed on the centre, after unlocking. What is
// left is the read-only screen.
func TestR_C_07_R_C_115_Unlocking(t *testing.T) {
	w := f1(t)
	c := w.Centre.Centre
	if err := c.SetUnlockCode(w.ctx, "vendor", "7-rivers-4"); err != nil {
		t.Fatal(err)
	}
	for _, change := range []central.Configuration{
		central.Assign(w.Stores["E"], 3), central.Collect(w.Stores["B"], 3, true), central.ManageOnly(w.Stores["B"], true),
	} {
		w.refuses(change, atoll.Denied, "locked")
	}
	// Stores and visibility are not on the tab.
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["D"], true))
	if _, err := c.Unlock(w.ctx, "technician", "7-rivers-5"); err == nil {
		t.Error("a wrong code unlocks")
	}
	until, err := c.Unlock(w.ctx, "technician", "7-rivers-4")
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(central.ManageOnly(w.Stores["B"], true), atoll.Denied) // somebody else unlocked
	if _, err := c.Configure(w.ctx, "technician", central.Collect(w.Stores["B"], 3, true)); err != nil {
		t.Errorf("unlocked: %v", err)
	}
	w.Clock.Wind(until.Sub(w.Clock.Now()) + 1)
	if _, err := c.Configure(w.ctx, "technician", central.Collect(w.Stores["B"], 3, false)); err == nil {
		t.Error("it stays unlocked for ever")
	}
	log, err := c.LockLog(w.ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, e := range log {
		if e.At.IsZero() {
			t.Errorf("no time in %+v", e)
		}
		seen[e.What] += e.User + " "
	}
	for what, user := range map[string]string{"code set": "vendor", "unlocked": "technician", "wrong code": "technician", "refused": "tester"} {
		if !strings.Contains(seen[what], user) {
			t.Errorf("%q by %s is not in the log: %v", what, user, seen)
		}
	}
	// On every other site the store is not editable, and the try is logged.
	n := w.Sites[2]
	var told bytes.Buffer
	n.Log = slog.New(slog.NewTextHandler(&told, nil))
	err = n.Insert(w.ctx, change("store", w.Stores["B"], atoll.Fields{}.Set("managed_only", true)))
	w.refused(err, atoll.Ownership, "not editable here")
	if !strings.Contains(told.String(), "change of configuration refused") || !strings.Contains(told.String(), "user=tester") {
		t.Errorf("site 2 logged %q", told.String())
	}
}
