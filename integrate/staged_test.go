package integrate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// TestStagedBodyIsKeptToTheByte: a replica is compared with its owner byte by
// byte, so nothing on the way may write a text in another form.
func TestStagedBodyIsKeptToTheByte(t *testing.T) {
	body := atoll.Fields{}.Set("name", "Water & <electrolytes> \u2028 \u00e9 \"quoted\" \\").Set("n", 1.50).Encode()
	got, err := Decode(Encode(exchange.Record{Key: atoll.Key{Type: "item", ID: atoll.DeriveID("x")}, Version: 1, Body: body}, 0))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Record.Body) != string(body) {
		t.Errorf("staged %s, read back %s", body, got.Record.Body)
	}
}
