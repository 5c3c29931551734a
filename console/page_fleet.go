package console

import (
	"cmp"
	"encoding/csv"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
)

// siteRow is one site in the list of all.
type siteRow struct {
	*central.SiteStatus
	Light    central.Light
	Concerns []central.Concern
	folded   string // the name in small letters
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
	found = q.choose(all.rows, c.Now())
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

// The list of many sites takes a while to make, so it is used again for a moment.
const (
	manySites = 2000
	keptSites = 10 * time.Second
)

// siteList is all sites as they stood when it was made, the worst first, and what is
// counted of them. It is shared by who asks for it, and never changes.
type siteList struct {
	rows     []*siteRow
	tally    tally
	versions []string // of the programs that they run, the newest first
	made     time.Time

	placing sync.Mutex
	places  *places // where they are: read when somebody asks
}

// keptList is the list that was made last, if it is long.
type keptList struct {
	sync.Mutex
	of *siteList
}

// drop has the next who asks get a new list.
func (k *keptList) drop() {
	k.Lock()
	defer k.Unlock()
	k.of = nil
}

// siteList returns all sites. Of many, a list that was made a moment ago is used again,
// unless something was done about a site since.
func (c *console) siteList(v *Visit) (*siteList, error) {
	c.sites.Lock()
	defer c.sites.Unlock()
	now := c.Now()
	if kept := c.sites.of; kept != nil && now.Sub(kept.made) < keptSites {
		return kept, nil
	}
	c.sites.of = nil
	sites, err := c.Centre.Sites(v.ctx())
	if err != nil {
		return nil, err
	}
	out := &siteList{rows: make([]*siteRow, len(sites)), made: now}
	all := make([]siteRow, len(sites))
	for i := range sites {
		all[i] = siteRowOf(&sites[i], now)
		out.rows[i] = &all[i]
	}
	sortWorst(out.rows)
	out.tally, out.versions = tallied(out.rows, now), versionsOf(out.rows)
	if len(all) > manySites {
		c.sites.of = out
	}
	return out, nil
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

func siteRowOf(s *central.SiteStatus, now time.Time) siteRow {
	row := siteRow{SiteStatus: s, folded: strings.ToLower(s.Name)}
	row.Light, row.Concerns = s.Condition(now)
	slices.Sort(row.Stores)
	return row
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

// choose returns the rows that the query asks for, wherever they are, in its order; they
// come with the worst first.
func (q fleetQuery) choose(all []*siteRow, now time.Time) []*siteRow {
	words := strings.ToLower(q.Q)
	out := make([]*siteRow, 0, len(all))
	for _, s := range all {
		switch {
		case q.Light != "" && string(s.Light) != q.Light:
		case q.Version != "" && s.State.App != q.Version:
		case q.Concern != "" && !slices.ContainsFunc(s.Concerns, func(c central.Concern) bool { return c.Kind == q.Concern }):
		case q.Silent > 0 && !s.silent(now, q.Silent):
		case q.Heard > 0 && !s.heard(now, q.Heard):
		case words != "" && !s.called(words):
		default:
			out = append(out, s)
		}
	}
	if q.Sort != fleetSorts[0] {
		slices.SortStableFunc(out, q.compare)
	}
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

// called reports whether the site's name, number or stores hold the words.
func (s *siteRow) called(words string) bool {
	return strings.Contains(s.folded, words) || s.ID.String() == words ||
		slices.ContainsFunc(s.Stores, func(name string) bool { return strings.Contains(strings.ToLower(name), words) })
}

func (q fleetQuery) compare(a, b *siteRow) int {
	switch q.Sort {
	case "name":
		return strings.Compare(a.folded, b.folded)
	case "number":
		return cmp.Compare(a.ID, b.ID)
	case "contact":
		return a.State.LastContact.Compare(b.State.LastContact)
	case "complete":
		return a.State.LastComplete.Compare(b.State.LastComplete)
	case "waiting":
		return cmp.Compare(b.State.Waiting, a.State.Waiting)
	case "behind":
		return cmp.Compare(b.Behind, a.Behind)
	case "quarantined":
		return cmp.Compare(b.Quarantined, a.Quarantined)
	case "version":
		return strings.Compare(a.State.App, b.State.App)
	}
	return worstFirst(a, b)
}

// sortWorst puts the worst first; of equal ones the order stays. What it compares lies
// close together, as rows of tens of thousands of sites do not.
func sortWorst(rows []*siteRow) {
	type place struct {
		at    time.Time
		worry int
		n     int
		row   *siteRow
	}
	all := make([]place, len(rows))
	for n, s := range rows {
		all[n] = place{s.State.LastContact, worry(string(s.Light)), n, s}
	}
	slices.SortFunc(all, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.worry, b.worry), a.at.Compare(b.at), cmp.Compare(a.n, b.n))
	})
	for n := range all {
		rows[n] = all[n].row
	}
}

func worstFirst(a, b *siteRow) int {
	switch {
	case a.Light.Worse(b.Light):
		return -1
	case b.Light.Worse(a.Light):
		return 1
	}
	return a.State.LastContact.Compare(b.State.LastContact)
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
		for _, c := range s.Concerns {
			concerns = append(concerns, c.Kind)
		}
		st := s.State
		_ = w.Write([]string{
			s.ID.String(), sheetText(s.Name), string(s.Kind), sheetText(strings.Join(s.Stores, "; ")), string(s.Light), strings.Join(concerns, " "),
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
func (c *console) siteAt(v *Visit) (siteRow, error) {
	id, err := atoll.ParseSiteID(v.R.PathValue("site"))
	if err != nil {
		return siteRow{}, atoll.Errorf(atoll.NotFound, "%.20q is no number of a site", v.R.PathValue("site"))
	}
	s, err := c.Centre.SiteStatus(v.ctx(), id)
	return siteRowOf(&s, c.Now()), err
}
