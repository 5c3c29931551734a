package catalogue_test

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// TestR_G_20: people are found by the first letters of their names, in either
// case; nobody else has such letters to be found by.
func TestR_G_20_BeginningsOfNames(t *testing.T) {
	c := catalogue.Embedded()
	for _, row := range []struct {
		fields      atoll.Fields
		first, last string
	}{
		{atoll.Fields{}.Set("first_name", "ÉLODIE").Set("last_name", " Wan jiru"), "élo", "wan"},
		{atoll.Fields{}.Set("first_name", "Al").Set("last_name", "Ng"), "", ""},
		{atoll.Fields{}.Set("name", "Asha"), "ash", "ash"},
	} {
		index := c.Index("patient", row.fields)
		if index[catalogue.BeginsFirst] != row.first || index[catalogue.BeginsLast] != row.last {
			t.Errorf("%v begins with %q and %q; want %q and %q", row.fields, index[catalogue.BeginsFirst], index[catalogue.BeginsLast], row.first, row.last)
		}
	}
	if index := c.Index("name", atoll.Fields{}.Set("name", "Warehouse")); index[catalogue.BeginsLast] != "" {
		t.Errorf("a name that is no person: %v", index)
	}
	if catalogue.Beginning("Wa") != "" || catalogue.Beginning("WANJIRU") != "wan" {
		t.Error("too short to filter by, or not folded")
	}
}
