package console_test

import (
	"testing"

	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
)

// Every page is accessible and fits its screen, from the sign-in on.
func TestBrowserPagesOfASite(t *testing.T) {
	f := newFleet(t)
	b := f.one.openTab(t)
	b.open("/sign-in")
	b.picture("sign-in")
	b.fill("#name", "nobody")
	b.fill("#password", "wrong password")
	b.click(".door .primary")
	b.sees("That did not work")
	b.picture("sign-in-wrong")
	b.signIn(f.one, station.Administrator)
	b.open("/today")
	b.sees("All in step")
	b.picture("today")
	_, item := simulate.Item("amoxicillin")
	if err := f.Centre.Insert(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	b.open("/sync")
	b.picture("sync")
	b.open("/me")
	b.picture("me")
	b.open("/nowhere")
	b.picture("problem")
}
