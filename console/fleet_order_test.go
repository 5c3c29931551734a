package console_test

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
)

// The list has the sites that were asked for and no others, in the order that was asked
// for: by what the centre says of each site alone, put in order by the plainest means
// (R-I-20, R-I-21).
func TestR_I_20_OrderAndChoice(t *testing.T) {
	f := newFleet(t)
	f.refused(t)
	f.spread(t, 150)
	f.many(t, 300)
	now := f.Clock.Now()
	sites, err := f.Centre.Centre.Sites(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	light := func(s central.SiteStatus) central.Light { l, _ := s.Condition(now); return l }
	place := map[central.Light]int{central.Red: 0, central.Amber: 1, central.Grey: 2, central.Green: 3}
	slices.SortStableFunc(sites, func(a, b central.SiteStatus) int {
		return cmp.Or(cmp.Compare(place[light(a)], place[light(b)]), a.State.LastContact.Compare(b.State.LastContact))
	})
	tech := f.centre.as(station.Technician)
	listed := func(query string) (out []string) {
		t.Helper()
		rows, err := csv.NewReader(strings.NewReader(f.centre.get("/fleet.csv?"+query, tech).want(200).body)).ReadAll()
		if err != nil || len(rows) == 0 {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			out = append(out, row[0])
		}
		return out
	}
	compare := func(query string, want []central.SiteStatus) {
		t.Helper()
		numbers := []string(nil)
		for _, s := range want {
			numbers = append(numbers, s.ID.String())
		}
		if got := listed(query); !slices.Equal(got, numbers) {
			t.Errorf("%s lists %v, want %v", query, got, numbers)
		}
		page := f.centre.get("/fleet?"+query, tech)
		for i, s := range want[:min(len(want), 50)] {
			if !strings.Contains(page.body, fmt.Sprintf(`<a href="/fleet/%d">`, s.ID)) {
				t.Errorf("the page of %s lacks site %d, which is number %d", query, s.ID, i+1)
			}
		}
	}
	for sort, by := range map[string]func(a, b central.SiteStatus) int{
		"worst": func(a, b central.SiteStatus) int { return 0 },
		"name": func(a, b central.SiteStatus) int {
			return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		},
		"number":      func(a, b central.SiteStatus) int { return cmp.Compare(a.ID, b.ID) },
		"contact":     func(a, b central.SiteStatus) int { return a.State.LastContact.Compare(b.State.LastContact) },
		"complete":    func(a, b central.SiteStatus) int { return a.State.LastComplete.Compare(b.State.LastComplete) },
		"waiting":     func(a, b central.SiteStatus) int { return cmp.Compare(b.State.Waiting, a.State.Waiting) },
		"behind":      func(a, b central.SiteStatus) int { return cmp.Compare(b.Behind, a.Behind) },
		"quarantined": func(a, b central.SiteStatus) int { return cmp.Compare(b.Quarantined, a.Quarantined) },
		"version":     func(a, b central.SiteStatus) int { return cmp.Compare(a.State.App, b.State.App) },
	} {
		want := slices.Clone(sites)
		slices.SortStableFunc(want, by)
		compare("sort="+sort, want)
	}
	heard := func(s central.SiteStatus, days int) bool {
		return now.Sub(s.State.LastContact) < time.Duration(days)*24*time.Hour
	}
	known := func(s central.SiteStatus) bool { return s.State.Initialisation != central.InitNew }
	kept := map[string]func(central.SiteStatus) bool{
		"version=1.1.0": func(s central.SiteStatus) bool { return s.State.App == "1.1.0" },
		"silent=3":      func(s central.SiteStatus) bool { return known(s) && !heard(s, 3) },
		"heard=1":       func(s central.SiteStatus) bool { return known(s) && heard(s, 1) },
		"q=centre+1":    func(s central.SiteStatus) bool { return strings.HasPrefix(s.Name, "Health centre 1") },
		"q=117": func(s central.SiteStatus) bool {
			return s.ID == 117 || slices.Contains(s.Stores, "Store 117") || s.Name == "Health centre 117"
		},
		"q=store+14": func(s central.SiteStatus) bool { return strings.Contains(strings.Join(s.Stores, "; "), "Store 14") },
	}
	for _, l := range []central.Light{central.Red, central.Amber, central.Grey, central.Green} {
		kept["light="+string(l)] = func(s central.SiteStatus) bool { return light(s) == l }
	}
	for _, kind := range []string{central.ConcernSilent, central.ConcernRefused, central.ConcernQuarantined, central.ConcernNew, central.ConcernPaused, central.ConcernClock} {
		kept["concern="+kind] = func(s central.SiteStatus) bool {
			_, why := s.Condition(now)
			return slices.ContainsFunc(why, func(c central.Concern) bool { return c.Kind == kind })
		}
	}
	for query, is := range kept {
		want := slices.DeleteFunc(slices.Clone(sites), func(s central.SiteStatus) bool { return !is(s) })
		if len(want) == 0 {
			t.Errorf("%s chooses nobody", query)
		}
		compare(query, want)
	}
	page := f.centre.get("/fleet", tech)
	count := func(is func(central.SiteStatus) bool) (n int) {
		for _, s := range sites {
			if is(s) {
				n++
			}
		}
		return n
	}
	page.says(fmt.Sprintf("%d sites", len(sites)), fmt.Sprintf("%d %% heard within a day", 100*count(kept["heard=1"])/len(sites)),
		fmt.Sprintf("%d silent for 3 days", count(kept["silent=3"])), fmt.Sprintf("%d not enrolled yet", count(func(s central.SiteStatus) bool { return !known(s) })))
}

// Where a site is, the map shows as the database has it when it is asked, also when it
// reads the names of stores from memory (R-I-20).
func TestR_I_20_MapIsOfNow(t *testing.T) {
	f := newFleet(t)
	tech := f.centre.as(station.Technician)
	keep := func() {
		t.Helper()
		if err := f.Centre.KeepReports(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(names ...string) {
		t.Helper()
		page := f.centre.get("/fleet/map?box=36,-2,37,-1", tech).want(200)
		for _, name := range []string{"Sync Client 1", "Sync Client 2"} {
			if is := strings.Contains(page.body, "<b>"+name+"</b>"); is != slices.Contains(names, name) {
				t.Errorf("%s is in view: %t, want %v", name, is, names)
			}
		}
	}
	keep()
	f.at(t, f.Stores["B"], "-1.2921", "36.8219")
	shows("Sync Client 1")
	keep()
	f.at(t, f.Stores["C"], "-1.2925", "36.8225")
	shows("Sync Client 1", "Sync Client 2")
	f.at(t, f.Stores["B"], "9.0", "38.7")
	shows("Sync Client 2")
	keep()
	shows("Sync Client 2")
	// A store goes to another site, which is where the store is if it has no place before.
	if _, err := f.Centre.Centre.Configure(t.Context(), "administrator", central.Assign(f.Stores["E"], 2)); err != nil {
		t.Fatal(err)
	}
	f.at(t, f.Stores["E"], "-1.5", "36.5")
	shows("Sync Client 2")
	f.at(t, f.Stores["B"], "0", "0") // nowhere
	shows("Sync Client 1", "Sync Client 2")
}
