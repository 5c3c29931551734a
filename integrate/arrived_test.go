package integrate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
)

// What is integrated at once arrives as what was staged first does (R-H-22).
func TestArrivesAsIfStaged(t *testing.T) {
	key := atoll.Key{Type: "item", ID: atoll.DeriveID("item", "1")}
	for name, f := range map[string]exchange.Record{
		"a record":   {Key: key, Version: 3, Origin: atoll.Origin{Site: 4, Seq: 9}, Body: []byte(`{"name":"a <b> & \u0001","n":1.50}`)},
		"forced":     {Key: key, Version: 1, Origin: atoll.Origin{Site: 1, Seq: 1}, Forced: true, Body: []byte(`{}`)},
		"deleted":    {Key: key, Version: 2, Origin: atoll.Origin{Site: 1, Seq: 2}, Deleted: true, Body: []byte(`{"name":"x"}`)},
		"one's lane": {Key: key, Version: 2, Lane: atoll.All, Position: 7, Origin: atoll.Origin{Site: 1, Seq: 2}, Body: []byte(`{"name":"x"}`)},
		"gone":       {Key: key, Gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := integrate.Decode(integrate.Encode(f, 12))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, integrate.Arrived(f, 12)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
