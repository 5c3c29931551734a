package central

import (
	"testing"
	"time"

	"github.com/atollsync/atoll"
)

// Whether a site's connected time sufficed follows from its exchanges alone: whether on
// the days on which it was connected all that waited could go (R-I-30).
func TestR_I_30_ConnectedTimeSufficed(t *testing.T) {
	monday := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	type e struct {
		day      int
		hours    int
		complete bool
		code     atoll.Code
	}
	for _, try := range []struct {
		name      string
		exchanges []e
		want      Connection
	}{
		{"none", nil, Connection{Sufficed: NotConnected}},
		{"once, whole", []e{{day: 6, hours: 1, complete: true}}, Connection{Enough, 1, 1, time.Hour}},
		{"whole at the third go", []e{{6, 1, false, ""}, {6, 1, false, atoll.Interrupted}, {6, 2, true, ""}}, Connection{Enough, 1, 1, 4 * time.Hour}},
		{"then more came the same day", []e{{6, 1, true, ""}, {6, 1, false, ""}}, Connection{Enough, 1, 1, 2 * time.Hour}},
		{"never whole", []e{{4, 1, false, ""}, {5, 2, false, ""}, {6, 3, false, ""}}, Connection{TooShort, 3, 0, 2 * time.Hour}},
		{"refused", []e{{6, 1, true, atoll.Cloned}}, Connection{Sufficed: NotConnected}},
		{"it caught up", []e{{3, 1, false, ""}, {6, 1, true, ""}}, Connection{Enough, 2, 1, time.Hour}},
		{"it falls behind", []e{{3, 1, true, ""}, {6, 3, false, ""}}, Connection{Tight, 2, 1, 2 * time.Hour}},
		{"a week ago does not count", []e{{-1, 1, true, ""}, {6, 1, false, ""}}, Connection{TooShort, 1, 0, time.Hour}},
		{"silent since", []e{{-1, 1, true, ""}}, Connection{Sufficed: NotConnected}},
		{"seven days are a week", []e{{0, 1, true, ""}, {1, 1, true, ""}, {2, 1, true, ""}, {3, 1, true, ""}, {4, 1, true, ""}, {5, 1, true, ""}, {6, 1, true, ""}}, Connection{Enough, 7, 7, time.Hour}},
	} {
		count := func(exchanges []e) (days []ConnectedDay) {
			for _, x := range exchanges {
				days = noted(days, Cycle{Started: monday.AddDate(0, 0, x.day), Took: time.Duration(x.hours) * time.Hour, Complete: x.complete, Code: x.code})
			}
			return days
		}
		days := count(try.exchanges)
		for n := range try.exchanges { // whenever what was counted is written
			again := joined(joined(nil, count(try.exchanges[:n])), count(try.exchanges[n:]))
			if got := ConnectionOf(again, monday.AddDate(0, 0, 6).Add(12*time.Hour)); got != try.want || len(again) > connectedDays {
				t.Errorf("%s, written after %d: %+v, want %+v", try.name, n, got, try.want)
			}
		}
		if len(days) > connectedDays {
			t.Errorf("%s: %d days are kept", try.name, len(days))
		}
		if got := ConnectionOf(days, monday.AddDate(0, 0, 6).Add(12*time.Hour)); got != try.want {
			t.Errorf("%s: %+v, want %+v", try.name, got, try.want)
		}
	}
}
