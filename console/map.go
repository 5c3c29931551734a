package console

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/atollsync/atoll/central"
)

// point is where something is, in degrees: to the east and to the north.
type point struct{ Lon, Lat float64 }

// valid reports whether there is such a place. Zero and zero, in the sea off Africa,
// is what programs write that know none.
func (p point) valid() bool {
	return math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180 && (p.Lat != 0 || p.Lon != 0)
}

// extent is a part of the world. East of a country that lies across the date line is
// more than 180.
type extent struct{ West, South, East, North float64 }

// leastSpan is the height, in degrees, of the smallest part that a map shows: some
// two kilometres.
const leastSpan = 0.02

// parseExtent reads west,south,east,north.
func parseExtent(s string) (e extent, ok bool) {
	parts := strings.Split(s, ",")
	if len(parts) != 4 {
		return e, false
	}
	var n [4]float64
	for i, p := range parts {
		var err error
		if n[i], err = strconv.ParseFloat(p, 64); err != nil || math.Abs(n[i]) > 540 || math.IsNaN(n[i]) {
			return e, false
		}
	}
	e = extent{n[0], n[1], n[2], n[3]}
	return e, e.West <= e.East && e.South <= e.North
}

// String is the extent as an address has it.
func (e extent) String() string {
	var b strings.Builder
	for i, n := range []float64{e.West, e.South, e.East, e.North} {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatFloat(n, 'f', 4, 64))
	}
	return b.String()
}

func (e extent) has(p point) bool {
	return p.Lat >= e.South && p.Lat <= e.North && (p.Lon >= e.West && p.Lon <= e.East || p.Lon+360 >= e.West && p.Lon+360 <= e.East)
}

func (e extent) middle() point { return point{(e.West + e.East) / 2, (e.South + e.North) / 2} }

// scaled is the extent made larger or smaller about its middle.
func (e extent) scaled(by float64) extent {
	m, w, h := e.middle(), (e.East-e.West)/2*by, (e.North-e.South)/2*by
	return extent{m.Lon - w, m.Lat - h, m.Lon + w, m.Lat + h}
}

// grown is the extent with so many degrees more on every side.
func (e extent) grown(by float64) extent {
	return extent{e.West - by, e.South - by, e.East + by, e.North + by}
}

// moved is the extent moved by parts of its size.
func (e extent) moved(east, north float64) extent {
	x, y := (e.East-e.West)*east, (e.North-e.South)*north
	return extent{e.West + x, e.South + y, e.East + x, e.North + y}
}

// extentOf is the smallest that holds the places, across the date line if that is
// the shorter way.
func extentOf(places []point) extent {
	around := func(shift float64) extent {
		e := extent{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
		for _, p := range places {
			if p.Lon < 0 {
				p.Lon += shift
			}
			e = extent{min(e.West, p.Lon), min(e.South, p.Lat), max(e.East, p.Lon), max(e.North, p.Lat)}
		}
		return e
	}
	plain, across := around(0), around(360)
	if across.East-across.West < plain.East-plain.West {
		return across
	}
	return plain
}

// The drawing, in units of its own: what is nearer to each other than apart is drawn
// as one, so that a finger finds it on a telephone.
const (
	drawnWidth  = 640.0
	drawnHeight = 520.0
	apart       = 54.0
	margin      = 0.08
)

// drawing puts places on paper: degrees of longitude as long as they are in the
// middle of it.
type drawing struct {
	extent
	x, y float64 // units in a degree
}

// drawingOf is a drawing that holds the extent, with some margin, and fills the
// paper.
func drawingOf(e extent) drawing {
	m := e.middle()
	shrink := max(math.Cos(m.Lat*math.Pi/180), 0.05)
	h := max(e.North-e.South, leastSpan) * (1 + 2*margin)
	w := max((e.East-e.West)*shrink*(1+2*margin), h*drawnWidth/drawnHeight)
	h = w * drawnHeight / drawnWidth
	w /= shrink
	d := drawing{extent: extent{m.Lon - w/2, m.Lat - h/2, m.Lon + w/2, m.Lat + h/2}}
	d.x, d.y = drawnWidth/w, drawnHeight/h
	return d
}

func (d drawing) at(p point) (x, y float64) {
	lon := p.Lon
	if lon < d.West {
		lon += 360
	}
	return (lon - d.West) * d.x, (d.North - p.Lat) * d.y
}

// pin is a site with its place.
type pin struct {
	*siteRow
	point
}

// mark is one thing on the map: a site, or several that lie close to each other.
type mark struct {
	X, Y  float64
	Sites []pin
	Light central.Light // the worst of them
	extent
}

// marks draws the sites that are in view: the worst first, then the largest.
func (d drawing) marks(sites []pin) []mark {
	const fine = apart / 2
	type cell struct{ x, y int }
	at := map[cell]*mark{}
	for _, s := range sites {
		if !d.has(s.point) {
			continue
		}
		x, y := d.at(s.point)
		k := cell{int(x / fine), int(y / fine)}
		if at[k] == nil {
			at[k] = &mark{}
		}
		at[k].add(x, y, s)
	}
	all := make([]*mark, 0, len(at))
	for _, m := range at {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *mark) int {
		return cmp.Or(cmp.Compare(len(b.Sites), len(a.Sites)), cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X))
	})
	var kept []*mark
	for _, m := range all {
		near := slices.IndexFunc(kept, func(k *mark) bool { return math.Hypot(k.X-m.X, k.Y-m.Y) < apart })
		if near < 0 {
			kept = append(kept, m)
			continue
		}
		x, y := kept[near].X, kept[near].Y
		kept[near].add(m.X, m.Y, m.Sites...)
		kept[near].X, kept[near].Y = x, y // stays where the most are
	}
	out := make([]mark, 0, len(kept))
	for _, m := range kept {
		m.Light = m.Sites[0].Light
		places := make([]point, 0, len(m.Sites))
		for _, s := range m.Sites {
			places = append(places, s.point)
			if s.Light.Compare(m.Light) < 0 {
				m.Light = s.Light
			}
		}
		m.extent = extentOf(places)
		out = append(out, *m)
	}
	slices.SortStableFunc(out, func(a, b mark) int {
		return cmp.Or(a.Light.Compare(b.Light), cmp.Compare(len(b.Sites), len(a.Sites)))
	})
	return out
}

// add puts sites with their middle into the mark, which moves to the middle of all.
func (m *mark) add(x, y float64, sites ...pin) {
	n, k := float64(len(m.Sites)), float64(len(sites))
	m.X, m.Y = (m.X*n+x*k)/(n+k), (m.Y*n+y*k)/(n+k)
	m.Sites = append(m.Sites, sites...)
}

// steps are round numbers of degrees, and of kilometres.
var roundSteps = []float64{0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30}

// roundStep is the smallest round number of which no more than most fit in the span.
func roundStep(span float64, most int) float64 {
	for _, s := range roundSteps {
		if span/s <= float64(most) {
			return s
		}
	}
	return 45
}

// meridian is one line of the net of degrees.
type meridian struct {
	At    float64 // in units of the drawing
	Angle float64
	Round int // digits after the point
}

// label is the room that the words of a line take, at the edges of the drawing.
const label = 44.0

// net is the lines of the net of degrees: those of longitude, and of latitude.
func (d drawing) net() (lon, lat []meridian) {
	step := roundStep(max(d.East-d.West, d.North-d.South), 6)
	digits := 0
	for s := step; s < 1 && digits < 3; s *= 10 {
		digits++
	}
	for n := math.Ceil(d.West / step); (n*step-d.West)*d.x < drawnWidth-label; n++ {
		angle := n * step
		if angle > 180 {
			angle -= 360
		}
		lon = append(lon, meridian{(n*step - d.West) * d.x, angle, digits})
	}
	for n := math.Ceil((d.South + label/d.y) / step); n*step <= d.North && n*step <= 90; n++ {
		lat = append(lat, meridian{(d.North - n*step) * d.y, n*step + 0, digits}) // no zero below zero
	}
	return lon, lat
}

// kilometres in a degree of latitude.
const kilometres = 111.2

// yardstick is a length that is easy to read: so many kilometres, and units.
func (d drawing) yardstick() (km int, units float64) {
	perKm := d.y / kilometres
	for _, n := range []int{1000, 500, 200, 100, 50, 20, 10, 5, 2, 1} {
		if units = float64(n) * perKm; units <= drawnWidth/4 {
			return n, units
		}
	}
	return 1, perKm
}
