package host_test

import (
	"strings"
	"testing"

	"github.com/atollsync/atoll/host"
)

// TestR_H_14_AndroidGivesItsOwnIdentity: where the system cannot tell which
// machine it is, the app hands its identity over; it is the same at every start,
// another for another device, and not shown as it is.
func TestR_H_14_AndroidGivesItsOwnIdentity(t *testing.T) {
	own := host.Device()
	if own == "" || own != host.Device() {
		t.Fatalf("this machine is %q, then %q", own, host.Device())
	}
	t.Setenv("ATOLL_DEVICE", "9774d56d682e549c")
	given := host.Device()
	if given != host.Device() || given == own {
		t.Errorf("the identity given became %q and %q; this machine's own is %q", given, host.Device(), own)
	}
	if strings.Contains(given, "9774d56d682e549c") {
		t.Errorf("the identity given is shown as it is: %q", given)
	}
	t.Setenv("ATOLL_DEVICE", "another after a factory reset")
	if host.Device() == given {
		t.Error("two devices have one identity")
	}
}
