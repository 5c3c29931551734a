package central_test

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
)

// TestR_H_20_AFailedInitialisationShows: as an error with its reason, until an
// attempt goes on; a pause or a cut is no error.
func TestR_H_20_AFailedInitialisationShows(t *testing.T) {
	r := newRig(t)
	r.empty(2)
	r.lines[2].down = 3
	if _, err := r.Sync(t.Context(), 2); err == nil {
		t.Fatal("no cut")
	}
	try := func(device string, want atoll.Code) central.SiteState {
		t.Helper()
		was := r.Sites[2].Site.Device
		r.Sites[2].Site.Device = device
		defer func() { r.Sites[2].Site.Device = was }()
		if _, err := r.Sync(t.Context(), 2); atoll.CodeOf(err) != want {
			t.Fatalf("refused with %v, want %s", err, want)
		}
		if err := r.Centre.Centre.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.state(2)
	}
	device := r.Sites[2].Site.Device
	if err := r.Centre.Centre.Pause(t.Context(), "technician", 2, "lunch"); err != nil {
		t.Fatal(err)
	}
	if s := try(device, atoll.Paused); s.Initialisation != central.InitStarted {
		t.Errorf("a pause is shown as %s", s.Initialisation)
	}
	if err := r.Centre.Centre.Pause(t.Context(), "technician", 2, ""); err != nil {
		t.Fatal(err)
	}
	if s := try("another", atoll.SiteDevice); s.Initialisation != central.InitError || s.LastCode != atoll.SiteDevice || s.LastError == "" {
		t.Errorf("it failed, and is shown as %s, %s %q", s.Initialisation, s.LastCode, s.LastError)
	}
	r.sync(2)
	if err := r.Centre.Centre.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.state(2); s.Initialisation != central.InitCompleted || s.LastError != "" {
		t.Errorf("at the end %s, %q", s.Initialisation, s.LastError)
	}
	// One that is done stays done, whoever knocks.
	if s := try("another", atoll.SiteDevice); s.Initialisation != central.InitCompleted {
		t.Errorf("a completed site became %s", s.Initialisation)
	}
}
