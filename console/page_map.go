package console

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// How much the page of the map says in words.
const (
	mapRows  = 40 // sites of the list beside it
	mapLost  = 12 // sites without a place that it names
	fewMarks = 14 // marks that are named on the map
)

// spot is where a store is, as its name says.
type spot struct {
	point
	Name  atoll.ID // the record that says it
	There bool
}

// spots calls fn with where each of the stores is: the name by which others know a store
// has its latitude and longitude.
func (c *console) spots(v *Visit, stores []topology.Store, fn func(topology.Store, spot)) error {
	return c.Database.View(v.ctx(), func(r storage.Reader) error {
		names := make(map[atoll.ID]spot, len(stores))
		q := storage.RowQuery{Type: "name", Fields: []string{"latitude", "longitude"}, Where: map[string]string{"kind": "store"}}
		err := c.Station.Rows(r, q, func(row storage.Row) error {
			names[row.ID] = spotOf(row.ID, string(row.Number(0)), string(row.Number(1)))
			return nil
		})
		for _, s := range stores {
			if err != nil {
				return err
			}
			found, ok := names[s.NameID]
			if !ok { // a facility, or what else a store may be linked to
				found, err = spotIn(r, s.NameID)
			}
			fn(s, found)
		}
		return err
	})
}

func spotIn(r storage.Reader, id atoll.ID) (spot, error) {
	rec, err := r.Record(atoll.Key{Type: "name", ID: id})
	if errors.Is(err, atoll.NotFound) || rec.Deleted || rec.Hidden {
		return spot{}, nil
	}
	if err != nil {
		return spot{}, err
	}
	f, err := rec.Fields()
	return spotOf(id, f.Number("latitude"), f.Number("longitude")), err
}

func spotOf(name atoll.ID, latitude, longitude string) spot {
	s := spot{Name: name}
	var lat, lon error
	s.Lat, lat = strconv.ParseFloat(latitude, 64)
	s.Lon, lon = strconv.ParseFloat(longitude, 64)
	s.There = lat == nil && lon == nil && s.valid()
	return s
}

// lost is a site that has no place, and where one is entered.
type lost struct {
	Words, Link string
	Store       bool // it has a store, whose name lacks it
}

// places are where sites are, and those that have no place.
type places struct {
	of   map[atoll.SiteID]point
	lost []lost
}

// placed returns where the sites of the list are: each at its first store, by code, that
// has a place.
func (c *console) placed(v *Visit, all *siteList) (*places, error) {
	out, lacking := &places{of: make(map[atoll.SiteID]point, len(all.rows))}, map[atoll.SiteID]lost{}
	err := c.spots(v, all.topology.Stores(), func(s topology.Store, at spot) {
		if _, is := out.of[s.Site]; is {
			return
		}
		switch {
		case at.There:
			out.of[s.Site] = at.point
		case at.Name != "" && !lacking[s.Site].Store:
			lacking[s.Site] = lost{Words: s.Name, Link: recordPath(atoll.Key{Type: "name", ID: at.Name}), Store: true}
		}
	})
	if err != nil {
		return nil, err
	}
	for _, row := range all.rows {
		if _, is := out.of[row.ID]; is {
			continue
		}
		none := lost{Words: row.Name, Link: "/fleet/" + row.ID.String()}
		if l, is := lacking[row.ID]; is {
			none = lost{row.Name + " · " + l.Words, l.Link, true}
		}
		out.lost = append(out.lost, none)
	}
	slices.SortStableFunc(out.lost, func(a, b lost) int { return strings.Compare(a.Words, b.Words) })
	return out, nil
}

// mapMark is a mark with its words and where it leads.
type mapMark struct {
	mark
	N     int
	Half  float64 // half the width of a group's label
	Words string  // for who does not see it
	Name  string  // drawn beside it; empty when there are many
	Link  string
}

// Wide is the width of a group's label.
func (m mapMark) Wide() float64 { return 2 * m.Half }

// Sick reports whether a site of the group needs somebody.
func (m mapMark) Sick() bool { return m.Light == central.Red || m.Light == central.Amber }

type mapLine struct {
	meridian
	Words string
}

type mapLegend struct {
	Light  central.Light
	N      int
	Link   string
	Chosen bool
}

type mapData struct {
	Query    fleetQuery
	Concerns []option
	Versions []option
	Marks    []mapMark
	Lon, Lat []mapLine
	Km       int
	Yard     float64
	Legend   []mapLegend
	Rows     []*siteRow // in view
	Found    int        // … in all
	Placed   int        // sites of the query that have a place
	Lost     []lost
	Without  int
	List     string // the list of those in view
	Whole    string
	In, Out  string
	Moves    []option // to the four sides
	Any      bool     // somebody has a place at all
}

// siteMap shows the sites where they are (R-I-20): each with its light, those that
// lie close together as one with their number.
func (c *console) siteMap(v *Visit) error {
	q := fleetQueryOf(v.R.URL.Query())
	everywhere := q
	everywhere.Box = nil
	all, chosen, err := c.chosen(v, everywhere)
	if err != nil {
		return err
	}
	at, err := c.placed(v, all)
	if err != nil {
		return err
	}
	d := mapData{Query: q, Without: len(at.lost), Lost: at.lost[:min(len(at.lost), mapLost)], Any: len(at.lost) < len(all.rows)}
	d.Concerns, d.Versions = v.concernOptions(q), versionOptions(all, q)
	found := make([]pin, 0, len(chosen))
	for _, s := range chosen {
		if p, is := at.of[s.ID]; is {
			found = append(found, pin{s, p})
		}
	}
	d.Placed = len(found)
	if len(found) > 0 {
		d.draw(v, found)
	}
	return v.page("map", v.T("map.title"), d)
}

// draw draws the sites and lists those in view.
func (d *mapData) draw(v *Visit, found []pin) {
	whole := make([]point, len(found))
	for i, s := range found {
		whole[i] = s.point
	}
	all := drawingOf(extentOf(whole))
	paper := all
	if d.Query.Box != nil {
		paper = drawingOf(d.Query.Box.scaled(1 / (1 + 2*margin))) // it was that of a drawing
	}
	marks := paper.marks(found)
	counts := map[central.Light]int{}
	for _, m := range marks {
		d.Marks = append(d.Marks, v.mapMark(d.Query, m, len(marks) <= fewMarks))
	}
	for _, s := range found {
		if paper.has(s.point) {
			d.Found++
			counts[s.Light]++
			if len(d.Rows) < mapRows {
				d.Rows = append(d.Rows, s.siteRow)
			}
		}
	}
	for _, l := range []central.Light{central.Red, central.Amber, central.Green, central.Grey} {
		q := d.Query
		if q.Light = string(l); d.Query.Light == q.Light {
			q.Light = ""
		}
		d.Legend = append(d.Legend, mapLegend{l, counts[l], q.at("/fleet/map", d.Query.Box), d.Query.Light == string(l)})
	}
	lon, lat := paper.net()
	for _, m := range lon {
		d.Lon = append(d.Lon, mapLine{m, v.angle(m, "map.east", "map.west")})
	}
	for _, m := range lat {
		d.Lat = append(d.Lat, mapLine{m, v.angle(m, "map.north", "map.south")})
	}
	d.Km, d.Yard = paper.yardstick()
	d.List = d.Query.at("/fleet", &paper.extent)
	if d.Query.Box != nil {
		d.Whole = d.Query.at("/fleet/map", nil)
	}
	if closer := paper.scaled(0.5); closer.North-closer.South >= leastSpan {
		d.In = d.Query.at("/fleet/map", &closer)
	}
	if farther := paper.scaled(2); d.Query.Box != nil {
		if farther.North-farther.South >= all.North-all.South {
			d.Out = d.Whole
		} else {
			d.Out = d.Query.at("/fleet/map", &farther)
		}
	}
	for _, to := range []struct {
		key         string
		east, north float64
	}{{"map.to.west", -.4, 0}, {"map.to.north", 0, .4}, {"map.to.south", 0, -.4}, {"map.to.east", .4, 0}} {
		if d.Query.Box != nil {
			there := paper.moved(to.east, to.north)
			d.Moves = append(d.Moves, option{Value: d.Query.at("/fleet/map", &there), Words: v.T(to.key)})
		}
	}
}

// mapMark says what a mark is, and leads on: to the site, closer to a group, or to
// the list of a group that lies at one place.
func (v *Visit) mapMark(q fleetQuery, m mark, named bool) mapMark {
	out := mapMark{mark: m, N: len(m.Sites)}
	if out.N == 1 {
		s := m.Sites[0]
		out.Link, out.Words = "/fleet/"+s.ID.String(), s.Name+": "+v.T("light."+string(s.Light))
		if named {
			out.Name = s.Name
		}
		return out
	}
	counts := map[central.Light]int{}
	for _, s := range m.Sites {
		counts[s.Light]++
	}
	words := []string{v.T("map.group", "n", out.N)}
	for _, l := range []central.Light{central.Red, central.Amber, central.Green, central.Grey} {
		if counts[l] > 0 {
			words = append(words, v.T("map.count."+string(l), "n", counts[l]))
		}
	}
	out.Words = strings.Join(words, ", ")
	out.Half = 9 + 4.6*float64(len([]rune(v.number(out.N))))
	closer := drawingOf(m.extent)
	out.Link = q.at("/fleet/map", &closer.extent)
	if m.North-m.South < leastSpan/2 && m.East-m.West < leastSpan/2 {
		at := m.extent.grown(0.0001)
		out.Link = q.at("/fleet", &at)
	}
	return out
}

// angle is a degree of the net in words.
func (v *Visit) angle(m meridian, plus, minus string) string {
	key, a := plus, m.Angle
	switch {
	case a < 0:
		key, a = minus, -a
	case a == 0:
		key = "map.zero"
	}
	return v.T(key, "angle", v.decimal(strconv.FormatFloat(a, 'f', m.Round, 64)))
}

// at is the address of a page with this query; the box is that of the map.
func (q fleetQuery) at(path string, box *extent) string {
	values := url.Values{}
	for name, value := range map[string]string{"q": q.Q, "light": q.Light, "concern": q.Concern, "version": q.Version} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Silent > 0 {
		values.Set("silent", strconv.Itoa(q.Silent))
	}
	if q.Heard > 0 {
		values.Set("heard", strconv.Itoa(q.Heard))
	}
	if box != nil {
		values.Set("box", box.String())
	}
	u := url.URL{Path: path, RawQuery: values.Encode()}
	return u.String()
}
