package atoll_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/atollsync/atoll"
)

// A reason is written and read whole, and what it speaks of stays what it is: a site is
// more than its number (R-I-25).
func TestR_I_25_ReasonsTravel(t *testing.T) {
	id := atoll.NewID(time.Unix(1, 0))
	why := atoll.Errorf(atoll.Rule, "no").Because("some.rule", "site", atoll.SiteID(3), "type", atoll.Type("item"), "n", 2, "packs", json.Number("-7"), "id", id).Why()
	want := atoll.Reason{Name: "some.rule", Args: []any{"site", atoll.SiteID(3), "type", atoll.Type("item"), "n", 2, "packs", "-7", "id", string(id)}}
	if !reflect.DeepEqual(why, want) {
		t.Errorf("the error gives %v, want %v", why, want)
	}
	b, err := json.Marshal(why)
	var got atoll.Reason
	if err == nil {
		err = json.Unmarshal(b, &got)
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s is read as %v, %v", b, got, err)
	}
	if !atoll.Errorf(atoll.Rule, "no").Why().IsZero() {
		t.Error("a reason where none was named")
	}
	for _, bad := range []string{`{}`, `[1]`, `["x",{}]`, `["x",1.5]`, `["x",[]]`, `3`} {
		if json.Unmarshal([]byte(bad), &got) == nil {
			t.Errorf("%s is taken for a reason: %v", bad, got)
		}
	}
}
