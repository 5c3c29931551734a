package console

import (
	"cmp"
	"encoding/csv"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/topology"
)

// siteRow is one site in the list of all.
type siteRow struct {
	*central.SiteSummary
	Light central.Light
	of    *siteList
}

// Concerns says why the site stands as it does.
func (s *siteRow) Concerns() []central.Concern { return s.SiteSummary.Concerns(s.of.made) }

// Stores are the names of the stores that are active on the site.
func (s *siteRow) Stores() []string {
	var out []string
	for _, id := range s.of.topology.Active(s.ID) {
		store, _ := s.of.topology.Store(id)
		out = append(out, store.Name)
	}
	slices.Sort(out)
	return out
}

// Partial reports whether the site's last complete exchange was well before the
// last time it was heard: it comes, and does not come to the end.
func (s *siteRow) Partial() bool {
	return !s.State.LastContact.IsZero() && s.State.LastContact.Sub(s.State.LastComplete) > 2*time.Hour
}

// tally counts the sites for the head of the page.
type tally struct{ All, Fresh, Silent3, Silent30, Refused, New int }

// Percent of the sites that were in contact within a day.
func (t tally) Percent() int {
	if t.All == 0 {
		return 0
	}
	return 100 * t.Fresh / t.All
}

// fleetQuery is how the list was asked for.
type fleetQuery struct {
	Q, Light, Concern, Version, Sort string
	Silent, Heard                    int // for days, within days
	Box                              *extent
	Page                             int
}

type fleetData struct {
	Tally    tally
	Query    fleetQuery
	Rows     []*siteRow
	Found    int
	Pages    int
	Pager    pager
	Concerns []option
	Versions []option
	Sorts    []option
	Export   string
	Map      string
}

// The ways to sort the list; the first is the one without a choice.
var fleetSorts = []string{"worst", "name", "number", "contact", "complete", "waiting", "behind", "quarantined", "version"}

// fleet lists all sites: who is in trouble, and why (R-I-20, R-I-21).
func (c *console) fleet(v *Visit) error {
	q := fleetQueryOf(v.R.URL.Query())
	all, found, err := c.chosen(v, q)
	if err != nil {
		return err
	}
	d := fleetData{Tally: all.tally, Query: q, Found: len(found), Pages: max(1, (len(found)+pageRows-1)/pageRows)}
	d.Query.Page = min(max(q.Page, 1), d.Pages)
	first := (d.Query.Page - 1) * pageRows
	d.Rows = found[first:min(first+pageRows, len(found))]
	d.Pager = numberPager(v, d.Query.Page, d.Pages)
	d.Concerns, d.Versions = v.concernOptions(q), versionOptions(all, q)
	for _, s := range fleetSorts {
		d.Sorts = append(d.Sorts, option{s, v.T("sort." + s), s == q.Sort})
	}
	query := v.R.URL.Query()
	query.Del("page")
	d.Export = "/fleet.csv?" + query.Encode()
	d.Map = q.at("/fleet/map", q.Box)
	return v.page("fleet", v.T("fleet.title"), d)
}

// chosen returns the list of all sites, and what the query asks for of it.
func (c *console) chosen(v *Visit, q fleetQuery) (all *siteList, found []*siteRow, err error) {
	if all, err = c.siteList(v); err != nil {
		return nil, nil, err
	}
	found = q.choose(all)
	if q.Box == nil {
		return all, found, nil
	}
	at, err := c.placed(v, all)
	if err != nil {
		return nil, nil, err
	}
	return all, slices.DeleteFunc(found, func(s *siteRow) bool { p, is := at.of[s.ID]; return !is || !q.Box.has(p) }), nil
}

func (v *Visit) concernOptions(q fleetQuery) (out []option) {
	for _, kind := range concernKinds {
		out = append(out, option{kind, v.T("concern." + kind + ".short"), kind == q.Concern})
	}
	return out
}

func versionOptions(all *siteList, q fleetQuery) (out []option) {
	for _, version := range all.versions {
		out = append(out, option{version, version, version == q.Version})
	}
	return out
}

// concernKinds are those that the list can be narrowed to.
var concernKinds = []string{
	central.ConcernSilent, central.ConcernRefused, central.ConcernQuarantined, central.ConcernUnresolved, central.ConcernInitError,
	central.ConcernInit, central.ConcernNew, central.ConcernPaused, central.ConcernClock, central.ConcernKey, central.ConcernLocked, central.ConcernClosed,
}

// siteList is all sites as they stood when it was made, the worst first, and what is
// counted of them. It may be shared, and never changes.
type siteList struct {
	rows     []*siteRow
	tally    tally
	versions []string // of the programs that they run, the newest first
	made     time.Time
	topology *topology.Topology
	turn     int64
}

// siteLists are made one after the other, so that many who ask at once do not make one
// each.
type siteLists struct {
	begun   atomic.Int64
	waiting atomic.Int64
	making  sync.Mutex
	last    *siteList // while somebody waits
}

// siteList returns all sites as the database has them, at some time since it was asked:
// who waited for the list of another takes the next one, whoever made that.
func (c *console) siteList(v *Visit) (*siteList, error) {
	l := &c.sites
	before := l.begun.Load()
	l.waiting.Add(1)
	l.making.Lock()
	defer l.making.Unlock()
	if l.waiting.Add(-1); l.last != nil && l.last.turn > before {
		return l.last.left(l), nil
	}
	out := &siteList{turn: l.begun.Add(1), made: c.Now()}
	sites, t, err := c.Centre.Summaries(v.ctx())
	if err != nil {
		return nil, err
	}
	out.topology, out.rows = t, make([]*siteRow, len(sites))
	all := make([]siteRow, len(sites))
	for i := range sites {
		all[i] = siteRow{&sites[i], sites[i].Light(out.made), out}
		out.rows[i] = &all[i]
	}
	out.tally, out.versions = tallied(out.rows, out.made), versionsOf(out.rows)
	sortBy(out.rows, func(s *siteRow) central.Urgency { return central.UrgencyOf(s.Light, s.State.LastContact) }, central.Urgency.Compare)
	l.last = out
	return out.left(l), nil
}

// left lets go of the list when nobody waits for it any more.
func (s *siteList) left(l *siteLists) *siteList {
	if l.waiting.Load() == 0 {
		l.last = nil
	}
	return s
}

// versionsOf are the programs that sites run, the newest first.
func versionsOf(all []*siteRow) []string {
	seen := map[string]bool{"": true}
	var out []string
	for _, s := range all {
		if version := s.State.App; !seen[version] {
			seen[version], out = true, append(out, version)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(b, a) })
	return out
}

func tallied(all []*siteRow, now time.Time) tally {
	t := tally{All: len(all)}
	for _, s := range all {
		switch {
		case s.State.Initialisation == central.InitNew:
			t.New++
			continue
		case s.heard(now, 1):
			t.Fresh++
		}
		if s.silent(now, 3) {
			t.Silent3++
		}
		if s.silent(now, 30) {
			t.Silent30++
		}
		if s.Quarantined > 0 {
			t.Refused++
		}
	}
	return t
}

func fleetQueryOf(form url.Values) fleetQuery {
	q := fleetQuery{
		Q: strings.TrimSpace(form.Get("q")), Light: form.Get("light"), Concern: form.Get("concern"), Version: form.Get("version"), Sort: form.Get("sort"),
	}
	q.Silent, _ = strconv.Atoi(form.Get("silent")) // no number is no filter
	q.Heard, _ = strconv.Atoi(form.Get("heard"))
	q.Page, _ = strconv.Atoi(form.Get("page"))
	if box, ok := parseExtent(form.Get("box")); ok {
		q.Box = &box
	}
	if !slices.Contains(fleetSorts, q.Sort) {
		q.Sort = fleetSorts[0]
	}
	return q
}

// OnlySilent reports whether the list is of those that were not heard, and of nothing else.
func (q fleetQuery) OnlySilent() bool {
	return q.Silent > 0 && !fleetQuery{Q: q.Q, Light: q.Light, Concern: q.Concern, Version: q.Version, Heard: q.Heard, Box: q.Box}.Any()
}

// Any reports whether the list is narrowed.
func (q fleetQuery) Any() bool {
	return q.Q != "" || q.Light != "" || q.Concern != "" || q.Version != "" || q.Silent > 0 || q.Heard > 0 || q.Box != nil
}

// choose returns the rows that the query asks for, wherever they are, in its order.
func (q fleetQuery) choose(all *siteList) []*siteRow {
	words, now := strings.ToLower(q.Q), all.made
	out := make([]*siteRow, 0, len(all.rows))
	for _, s := range all.rows {
		switch {
		case q.Light != "" && string(s.Light) != q.Light:
		case q.Version != "" && s.State.App != q.Version:
		case q.Concern != "" && !s.Has(q.Concern, now):
		case q.Silent > 0 && !s.silent(now, q.Silent):
		case q.Heard > 0 && !s.heard(now, q.Heard):
		case words != "" && !answersTo(words, s.Site, s.Stores()):
		default:
			out = append(out, s)
		}
	}
	q.order(out)
	return out
}

// silent reports whether nothing was heard of the site for so many days, and heard
// whether something was within them; a site that has never initialised is neither.
func (s *siteRow) silent(now time.Time, days int) bool {
	return s.State.Initialisation != central.InitNew && now.Sub(s.State.LastContact) >= time.Duration(days)*24*time.Hour
}

func (s *siteRow) heard(now time.Time, days int) bool {
	return s.State.Initialisation != central.InitNew && !s.silent(now, days)
}

// answersTo reports whether the site's name, number or stores hold the words.
func answersTo(words string, s topology.Site, stores []string) bool {
	return s.ID.String() == words || contains(words, s.Name) || contains(words, stores...)
}

// order puts rows, which come with the worst first, in the order of the query.
func (q fleetQuery) order(rows []*siteRow) {
	times := func(key func(*siteRow) time.Time) {
		sortBy(rows, func(s *siteRow) central.Urgency { return central.UrgencyOf(central.Green, key(s)) }, central.Urgency.Compare)
	}
	most := func(key func(*siteRow) int) { sortBy(rows, key, func(a, b int) int { return cmp.Compare(b, a) }) }
	texts := func(key func(*siteRow) string) { sortBy(rows, key, strings.Compare) }
	switch q.Sort {
	case "name":
		texts(func(s *siteRow) string { return strings.ToLower(s.Name) })
	case "number":
		sortBy(rows, func(s *siteRow) atoll.SiteID { return s.ID }, cmp.Compare)
	case "contact":
		times(func(s *siteRow) time.Time { return s.State.LastContact })
	case "complete":
		times(func(s *siteRow) time.Time { return s.State.LastComplete })
	case "waiting":
		most(func(s *siteRow) int { return s.State.Waiting })
	case "behind":
		sortBy(rows, func(s *siteRow) atoll.Position { return s.Behind }, func(a, b atoll.Position) int { return cmp.Compare(b, a) })
	case "quarantined":
		most(func(s *siteRow) int { return s.Quarantined })
	case "version":
		texts(func(s *siteRow) string { return s.State.App })
	}
}

// sortBy sorts rows by a key; of equal ones the order stays. What it compares lies close
// together, as rows of tens of thousands of sites do not.
func sortBy[K any](rows []*siteRow, key func(*siteRow) K, compare func(a, b K) int) {
	type place struct {
		key K
		n   int
	}
	before, all := slices.Clone(rows), make([]place, len(rows))
	for n, s := range rows {
		all[n] = place{key(s), n}
	}
	slices.SortFunc(all, func(a, b place) int { return cmp.Or(compare(a.key, b.key), cmp.Compare(a.n, b.n)) })
	for n := range all {
		rows[n] = before[all[n].n]
	}
}

// fleetFile is the list as a sheet, all pages of it.
func (c *console) fleetFile(v *Visit) error {
	q := fleetQueryOf(v.R.URL.Query())
	_, rows, err := c.chosen(v, q)
	if err != nil {
		return err
	}
	v.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.Header().Set("Content-Disposition", `attachment; filename="sites.csv"`)
	w := csv.NewWriter(v)
	_ = w.Write([]string{ // whoever hung up needs no answer
		"number", "name", "kind", "stores", "light", "concerns", "last_contact", "last_complete", "first_contact", "waiting", "not_confirmed",
		"quarantined", "unresolved", "clock_ahead_seconds", "version", "initialisation", "paused",
	})
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	for _, s := range rows {
		var concerns []string
		for _, c := range s.Concerns() {
			concerns = append(concerns, c.Kind)
		}
		st := s.State
		_ = w.Write([]string{
			s.ID.String(), sheetText(s.Name), string(s.Kind), sheetText(strings.Join(s.Stores(), "; ")), string(s.Light), strings.Join(concerns, " "),
			stamp(st.LastContact), stamp(st.LastComplete), stamp(st.FirstContact), strconv.Itoa(st.Waiting), strconv.FormatUint(uint64(s.Behind), 10),
			strconv.Itoa(s.Quarantined), strconv.Itoa(st.Errors), strconv.FormatFloat(st.ClockAhead.Seconds(), 'f', 0, 64), sheetText(st.App),
			string(st.Initialisation), sheetText(st.Paused),
		})
	}
	w.Flush()
	return nil
}

// sheetText keeps a name from being taken for a formula.
func sheetText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// siteAt returns the site that the address names.
func (c *console) siteAt(v *Visit) (central.SiteStatus, error) {
	id, err := atoll.ParseSiteID(v.R.PathValue("site"))
	if err != nil {
		return central.SiteStatus{}, atoll.Errorf(atoll.NotFound, "%.20q is no number of a site", v.R.PathValue("site"))
	}
	return c.Centre.SiteStatus(v.ctx(), id)
}
