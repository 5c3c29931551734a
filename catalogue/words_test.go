package catalogue_test

import (
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// What people call by words is found by their beginnings, whatever the case and the
// accents.
func TestWordsOfRecords(t *testing.T) {
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	item := atoll.Fields{}.Set("code", "AMX-250/5").Set("name", "Amoxicillin Suspension, Dépôt d\u2019Été").Set("comment", "hidden")
	index := c.Index("item", item)
	found := func(text string) bool {
		for _, begun := range catalogue.Looked(text) {
			there := false
			for name := range index {
				there = there || len(name) >= len(begun) && name[:len(begun)] == begun
			}
			if !there {
				return false
			}
		}
		return true
	}
	for text, want := range map[string]bool{
		"amox": true, "AMOXICILLIN": true, "susp amox": true, "depot": true, "ÉTÉ": true, "amx-250": true, "amx 5": true,
		"moxi": false, "amox tablet": false, "hidden": false, "depots": false,
	} {
		if found(text) != want {
			t.Errorf("%q finds it: %t", text, !want)
		}
	}
	if got := catalogue.Words("  -- / "); got != nil {
		t.Errorf("no letter and no digit make %q", got)
	}
	if got, want := catalogue.Words("Santé, SANTE 12.5mg"), []string{"sante", "12", "5mg"}; !slices.Equal(got, want) {
		t.Errorf("words are %q, want %q", got, want)
	}
	for t1, want := range map[atoll.Type]bool{"item": true, "name": true, "patient": true, "store": true, "invoice": false, "invoice_line": false, "stock_line": false, "message": false} {
		if c.FoundByWords(t1) != want {
			t.Errorf("%s is found by words: %t", t1, !want)
		}
	}
	if n := len(c.Index("invoice_line", atoll.Fields{}.Set("item_name", "Amoxicillin").Set("batch", "B 1"))); n > 1 {
		t.Errorf("a line has %d index rows, and no words", n)
	}
}
