package console

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// storeRow is one store in the list (R-I-28).
type storeRow struct {
	station.StoreView
	Where    string
	Own      bool      // it is active at this server
	Received time.Time // when its site last told everything; zero where that is not known
}

type storesData struct {
	Q     string
	Rows  []storeRow
	Found int
	Page  int
	Pages int
	Pager pager
}

// stores lists the stores known here: where each is active, what it is here, whether
// its transactions come, and how fresh they are (R-I-28).
func (c *console) stores(v *Visit) error {
	d := storesData{Q: strings.TrimSpace(v.R.FormValue("q"))}
	all, err := v.ownStores()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(s station.StoreView) bool {
		return d.Q != "" && !contains(d.Q, s.Name, s.Code) && s.Site.String() != d.Q
	})
	page, _ := strconv.Atoi(v.R.FormValue("page")) // no number is the first
	d.Found, d.Pages = len(all), max(1, (len(all)+pageRows-1)/pageRows)
	d.Page = min(max(page, 1), d.Pages)
	received, err := c.received(v)
	if err != nil {
		return err
	}
	for _, s := range all[(d.Page-1)*pageRows : min(d.Page*pageRows, len(all))] {
		d.Rows = append(d.Rows, storeRow{s, v.siteName(s.Site), s.Site == c.Here, received[s.Site]})
	}
	d.Pager = numberPager(v, d.Page, d.Pages)
	return v.page("stores", v.T("stores.title"), d)
}

// received is when each site was last complete, at the centre.
func (c *console) received(v *Visit) (map[atoll.SiteID]time.Time, error) {
	out := map[atoll.SiteID]time.Time{}
	if c.Centre == nil {
		return out, nil
	}
	all, err := c.siteList(v)
	if err != nil {
		return nil, err
	}
	for _, s := range all.rows {
		out[s.ID] = s.State.LastComplete
	}
	return out, err
}

// linkRow is one row of a store's sync-with table (T-25).
type linkRow struct {
	topology.Link
	Type    topology.SyncType // what the store is there
	Collect bool              // a copy may be kept there
	Drop    bool              // one is kept, and need not be
}

// partnerRow is one store that this one sees, or could.
type partnerRow struct {
	ID          atoll.ID
	Name, Where string
}

type storeData struct {
	station.StoreView
	Where     string
	Here      string // the name of this site
	AtCentre  bool   // it is active here, at the centre
	Links     []linkRow
	Q         string
	Found     int
	Partners  []partnerRow
	Sees      int      // how many it sees
	Others    []option // stores that it does not see
	Heirs     []option // stores that may take its place
	Successor string
	Received  time.Time
	MayChange bool
}

// mostLinks is how many rows of the sync-with table are shown at once: a search finds
// the others.
const mostLinks = 100

// storePage shows one store with its Synchronisation tab (R-C-06).
func (c *console) storePage(v *Visit) error {
	s, err := c.storeAt(v)
	if err != nil {
		return err
	}
	t, err := c.Station.Topology(v.ctx())
	if err != nil {
		return err
	}
	d := storeData{
		StoreView: s, Where: v.siteName(s.Site), Q: strings.TrimSpace(v.R.FormValue("q")), AtCentre: s.Site == t.Centre(),
		MayChange: c.Centre != nil && v.User.Role.May(station.MayConfigure),
	}
	for _, l := range t.Links(s.ID, c.Here) {
		if l.Name == "" && c.Centre == nil {
			l.Name = c.Name // a link goes under the remote site's own name (R-C-04)
		}
		in := t.Instance(s.ID, l.Site)
		row := linkRow{Link: l, Type: in.Type}
		row.Collect, row.Drop = in.Type == topology.Transfer && !in.RecordOnly, in.Type == topology.Collector && l.Site != t.Centre()
		if d.Q != "" && !contains(d.Q, l.Name, l.Site.String(), string(in.Type), v.T("instance."+string(in.Type))) {
			continue
		}
		if d.Found++; len(d.Links) < mostLinks {
			d.Links = append(d.Links, row)
		}
	}
	for _, other := range t.Stores() {
		if other.ID == s.ID || !v.User.Sees(other.ID) && !t.Visible(s.ID, other.ID) {
			continue
		}
		if !other.Disabled {
			d.Heirs = append(d.Heirs, option{Value: string(other.ID), Words: storeWords(station.StoreView{Store: other})})
		}
		if t.Visible(s.ID, other.ID) {
			if d.Sees++; len(d.Partners) < mostLinks {
				d.Partners = append(d.Partners, partnerRow{other.ID, other.Name, v.siteName(other.Site)})
			}
		} else if !other.Disabled {
			d.Others = append(d.Others, option{Value: string(other.ID), Words: storeWords(station.StoreView{Store: other})})
		}
	}
	for _, list := range []*[]option{&d.Others, &d.Heirs} {
		if sortOptions(*list); len(*list) > mostPick {
			*list = nil // typed as a code or a name
		}
	}
	if next, ok := t.Store(s.Successor); ok {
		d.Successor = next.Name
	}
	received, err := c.received(v)
	if err != nil {
		return err
	}
	d.Received = received[s.Site]
	return v.page("store", s.Name, d)
}

// storeAt returns the store that the address names, if it is the reader's.
func (c *console) storeAt(v *Visit) (station.StoreView, error) {
	all, err := c.Station.Stores(v.ctx())
	if err != nil {
		return station.StoreView{}, err
	}
	for _, s := range all {
		if string(s.ID) != v.R.PathValue("store") {
			continue
		}
		if !v.User.Sees(s.ID) {
			return s, v.seen(atoll.Key{Type: "invoice", ID: s.ID}, atoll.Fields{}.Set("store_id", s.ID))
		}
		return s, nil
	}
	return station.StoreView{}, atoll.Errorf(atoll.NotFound, "there is no store %.60q here", v.R.PathValue("store"))
}

// mostMatrix is how many stores the matrix of visibility shows at once.
const mostMatrix = 20

// matrixCell says whether two stores see each other.
type matrixCell struct {
	Store   atoll.ID
	Name    string
	Self    bool
	Visible bool
}

type matrixRow struct {
	ID    atoll.ID
	Name  string
	Code  string
	Cells []matrixCell
}

type matrixData struct {
	Q         string
	Rows      []matrixRow
	Found     int
	MayChange bool
}

// visibility is the matrix of which stores see each other, of the stores that a
// search chooses (R-A-07).
func (c *console) visibility(v *Visit) error {
	v.under = "/stores"
	t, err := c.Station.Topology(v.ctx())
	if err != nil {
		return err
	}
	d := matrixData{Q: strings.TrimSpace(v.R.FormValue("q")), MayChange: c.Centre != nil && v.User.Role.May(station.MayConfigure)}
	all, err := v.ownStores()
	if err != nil {
		return err
	}
	var chosen []station.StoreView
	for _, s := range all {
		if d.Q != "" && !contains(d.Q, s.Name, s.Code) {
			continue
		}
		if d.Found++; len(chosen) < mostMatrix {
			chosen = append(chosen, s)
		}
	}
	for _, s := range chosen {
		row := matrixRow{ID: s.ID, Name: s.Name, Code: s.Code}
		for _, o := range chosen {
			row.Cells = append(row.Cells, matrixCell{o.ID, o.Name, o.ID == s.ID, t.Visible(s.ID, o.ID)})
		}
		d.Rows = append(d.Rows, row)
	}
	return v.page("visibility", v.T("visibility.title"), d)
}
