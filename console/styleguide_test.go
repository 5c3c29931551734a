package console

import (
	"io/fs"
	"net/http"
	"os"
	"testing/fstest"
	"time"

	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
)

// Styleguide is a console of one page with every component, for tests to look at:
// those that no other page happens to show in the state it is in.
func Styleguide() http.Handler {
	now := func() time.Time { return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) }
	c := &console{
		Options: Options{Name: "Styleguide", Now: now, Catalogue: catalogue.Embedded()}.withDefaults(), mux: http.NewServeMux(),
		gate: http.NewCrossOriginProtection(), press: newPress(withStyleguide()), streams: make(chan struct{}, 1),
	}
	c.mux.Handle("GET "+assetPrefix, http.HandlerFunc(serveAsset))
	c.mux.HandleFunc("GET /styleguide", func(_ http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		v.User = station.User{Name: "amina", Role: station.Administrator}
		if err := v.page("styleguide", "Styleguide", styles(now())); err != nil {
			http.Error(v, err.Error(), http.StatusInternalServerError)
		}
	})
	return c.around(c.mux)
}

// styles are cards of synchronisation in every state.
func styles(now time.Time) []card {
	settings := site.Settings{Interval: site.DefaultInterval}
	states := []site.Status{
		{Light: site.Green, State: site.Ready, LastSuccess: now.Add(-12 * time.Minute), Settings: settings},
		{
			Light: site.Green, State: site.Ready, Running: true, LastSuccess: now.Add(-time.Hour), Began: now.Add(-time.Minute), StepBegan: now.Add(-40 * time.Second),
			Progress: site.Progress{Step: "pull", Done: 400, Total: 1000}, BytesOut: 4200, BytesIn: 1_830_000, Waiting: 3,
		},
		{
			Light: site.Amber, State: site.Ready, LastSuccess: now.Add(-30 * time.Hour), Waiting: 41, Refused: 2, Unresolved: 1, ClockAhead: 20 * time.Minute, DiskUsed: .91,
			Moving: "store B moves to Mulago", NewKey: true, RulesDiffer: true, LastCode: "unavailable", LastError: "dial tcp 192.0.2.1:8080: i/o timeout",
		},
		{Light: site.Red, State: site.Ready, LastSuccess: now.Add(-90 * time.Hour), LastCode: "cloned", LastError: "two databases claim to be site 2"},
		{Light: site.Grey, State: site.Ready, LastSuccess: now.Add(-time.Hour), Settings: site.Settings{Paused: true, Reason: "market day"}},
		{Light: site.Grey, State: site.Ready, LastSuccess: now.Add(-time.Hour), Settings: site.Settings{Disabled: true}},
		{Light: site.Grey, State: site.Initialising, Percent: 41},
		{Light: site.Grey, State: site.Unenrolled},
	}
	var out []card
	for _, st := range states {
		out = append(out, cardOf(st, []site.Unsent{{Time: now.Add(-20 * time.Minute)}}, now))
	}
	return out
}

// withStyleguide are the templates with that of the styleguide.
func withStyleguide() fs.FS {
	files := fstest.MapFS{}
	names, _ := fs.Glob(templateFiles, "templates/*.html")
	for _, name := range names {
		b, err := templateFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		files[name] = &fstest.MapFile{Data: b}
	}
	b, err := os.ReadFile("testdata/styleguide.html")
	if err != nil {
		panic(err)
	}
	files["templates/styleguide.html"] = &fstest.MapFile{Data: b}
	return files
}
