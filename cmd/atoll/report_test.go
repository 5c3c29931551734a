package main

import "testing"

// Long numbers are read by people; short ones are exact.
func TestReadable(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "38.5": "38.5", "0.0025": "0.0025", "1000": "1000",
		"463.809523809524": "463.81", "0.388090349076": "0.388", "-0.018480492813": "-0.0185", "0.00000412345": "4.12e-06",
	} {
		if got := readable(cell); got != want {
			t.Errorf("%q is shown as %q, not %q", cell, got, want)
		}
	}
}
