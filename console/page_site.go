package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/topology"
)

// heldRow is one store that a site holds, and why.
type heldRow struct {
	topology.Instance
	Name, Code string
	Why        saying
	Because    []string // the stores on the site that see it
}

// exchangeRow is one exchange of a site as the centre saw it.
type exchangeRow struct {
	central.Cycle
	Trouble saying
	Broke   saying        // in which phase the line broke
	Heard   time.Duration // how long it sent, of an exchange of a second or more
	Sending time.Duration // how long it was answered
}

type siteData struct {
	*central.SiteStatus
	Light    central.Light
	Concerns []central.Concern
	Held     []heldRow
	Rows     []exchangeRow // the newest, then
	Older    []exchangeRow
	Bars     bars
	Drain    time.Duration // until all that waits is there, at the speed of its last exchanges
	Speed    float64       // records a second
	Enrolled bool
	Sufficed saying // whether its connected time did
	Lamp     central.Light
	Asked    []string // orders that it has not heard yet
	Orders   []string // that it can be given
	Ordered  []orderRow
}

// orderRow is one order that somebody gave about the site.
type orderRow struct {
	central.SiteOrder
	At time.Time
}

// newestRows is how many exchanges of a site are shown before one asks for older ones.
const newestRows = 8

// mostOrders is how many of them are shown.
const mostOrders = 10

// sitePage shows one site: how its exchanges went, and what it holds and why.
func (c *console) sitePage(v *Visit) error {
	s, err := c.siteAt(v)
	if err != nil {
		return err
	}
	d := siteData{SiteStatus: &s, Enrolled: len(s.State.Key) > 0, Asked: s.State.Orders, Orders: siteOrders}
	d.Light, d.Concerns = s.Condition(c.Now())
	if s.ID == c.Here {
		d.Orders = nil
	}
	log, err := c.Centre.SyncLog(v.ctx(), s.ID, manyRows)
	if err != nil {
		return err
	}
	for _, row := range log {
		d.Rows = append(d.Rows, exchangeRowOf(row))
	}
	newest := min(len(d.Rows), newestRows)
	d.Rows, d.Older = d.Rows[:newest], d.Rows[newest:]
	d.Bars = barsOf(log)
	d.Speed = speed(log)
	if d.Speed > 0 && s.Behind+atoll.Position(s.State.Waiting) > 0 {
		d.Drain = time.Duration(float64(s.Behind+atoll.Position(s.State.Waiting)) / d.Speed * float64(time.Second))
		if d.Drain < time.Second {
			d.Drain = 0
		}
	}
	connected, err := c.Centre.Connections(v.ctx(), s.ID)
	if err != nil {
		return err
	}
	d.Sufficed, d.Lamp = sufficed(connected[s.ID])
	t, err := c.Station.Topology(v.ctx())
	if err != nil {
		return err
	}
	d.Held = held(t, s.ID)
	orders, err := c.Centre.SiteOrders(v.ctx(), s.ID, mostOrders)
	if err != nil {
		return err
	}
	for _, o := range orders {
		d.Ordered = append(d.Ordered, orderRow{o, stamped(o.At)})
	}
	return v.page("site", s.Name, d)
}

// exchangeRowOf says what became of an exchange, and how long its phases took where that
// was long enough to tell anything.
func exchangeRowOf(c central.Cycle) exchangeRow {
	r := exchangeRow{Cycle: c}
	if c.Code != "" {
		r.Trouble = saying{Key: "code." + string(c.Code)}
	}
	if c.Receiving > 0 && c.Took >= time.Second {
		r.Heard, r.Sending = c.Receiving, c.Took-c.Receiving
	}
	if c.Code == atoll.Interrupted && c.Broke != "" {
		r.Broke.Key = "phase." + string(c.Broke)
	}
	return r
}

// sufficed says whether the time for which a site was connected did (R-I-30).
func sufficed(c central.Connection) (saying, central.Light) {
	light := central.Grey
	switch c.Sufficed {
	case central.Enough:
		light = central.Green
	case central.Tight, central.TooShort:
		light = central.Amber
	case central.NotConnected, "":
		c.Sufficed = central.NotConnected
	}
	return saying{"connected." + string(c.Sufficed), []any{"emptied", c.Emptied, "days", c.Days, "span", c.ADay.Round(time.Second)}}, light
}

// speed is how many records a second the exchanges carried that carried any.
func speed(log []central.Cycle) float64 {
	var records int
	var took time.Duration
	for _, c := range log {
		if n := c.Sent + c.Offered; n > 0 {
			records += n
			took += c.Took
		}
	}
	if took <= 0 {
		return 0
	}
	return float64(records) / took.Seconds()
}

// held lists the stores that the site has, and why: it works in them, somebody
// wanted a copy, or a store on the site trades with them (R-C-11).
func held(t *topology.Topology, site atoll.SiteID) []heldRow {
	var out []heldRow
	for _, in := range t.Instances(site) {
		s, ok := t.Store(in.Store)
		if !ok {
			continue
		}
		row := heldRow{Instance: in, Name: s.Name, Code: s.Code, Why: saying{Key: "held." + string(in.Type)}}
		if in.Type == topology.Transfer {
			for _, partner := range t.VisibleTo(in.Store) {
				if p, ok := t.Store(partner); ok && p.Site == site {
					row.Because = append(row.Because, p.Name)
				}
			}
		}
		out = append(out, row)
	}
	slices.SortStableFunc(out, func(a, b heldRow) int { return strings.Compare(string(a.Type), string(b.Type)) })
	return out
}

// pauseSite stops a site's synchronisation, with a reason that its people read, or
// lets it go on.
func (c *console) pauseSite(v *Visit) error {
	s, err := c.siteAt(v)
	if err != nil {
		return err
	}
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	reason := strings.TrimSpace(v.R.PostFormValue("reason"))
	words := "site.paused"
	switch v.R.PostFormValue("do") {
	case "resume":
		reason, words = "", "site.resumed"
	case "pause":
		if reason == "" || len(reason) > 400 {
			return atoll.Errorf(atoll.Invalid, "a pause needs a reason of at most 400 characters").On("reason").Do("say why: the people at the site read it")
		}
	default:
		return atoll.Errorf(atoll.Invalid, "there is no such action").On("do")
	}
	if err := c.Centre.Pause(v.ctx(), v.User.Name, s.ID, reason); err != nil {
		return err
	}
	v.tell("done", words)
	v.redirect("/fleet/" + s.ID.String())
	return nil
}

// bars are a drawing of the last exchanges: one bar each, as high as the records
// it carried, by what became of it.
type bars struct {
	Width, Height int
	Bars          []bar
}

type bar struct {
	X, Y, H int
	Kind    string // "green", "amber" or "grey" for one that carried nothing
	Words   string
}

func barsOf(log []central.Cycle) bars {
	const width, gap, height = 10, 4, 80
	b := bars{Width: max(1, len(log)) * (width + gap), Height: height}
	most := 1
	for _, c := range log {
		most = max(most, c.Sent+c.Offered)
	}
	for i, c := range slices.Backward(log) {
		n := c.Sent + c.Offered
		one := bar{X: (len(log) - 1 - i) * (width + gap), H: max(4, n*height/most), Kind: "green"}
		switch {
		case c.Code != "":
			one.Kind, one.H = "amber", max(one.H, 16)
		case n == 0:
			one.Kind = "grey"
		}
		one.Y = height - one.H
		one.Words = fmt.Sprintf("%s %d", c.Started.UTC().Format(time.DateTime), n)
		b.Bars = append(b.Bars, one)
	}
	return b
}

// siteOrders are what a site can be asked for at its next exchange.
var siteOrders = []string{"verify", "repair", "resend", "reinitialise"}

// orderSite asks a site for something at its next exchange: to compare all it holds
// with this database, to repair what differs, to send all its data again, or to take
// everything anew (R-H-28, R-M-02).
func (c *console) orderSite(v *Visit) error {
	s, err := c.siteAt(v)
	if err != nil {
		return err
	}
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	switch do := v.R.PostFormValue("do"); do {
	case "verify", "repair":
		err = c.Centre.Verify(v.ctx(), v.User.Name, s.ID, do == "repair")
	case "resend", "reinitialise":
		err = c.Centre.Order(v.ctx(), v.User.Name, s.ID, do)
	default:
		return atoll.Errorf(atoll.Invalid, "there is no such order").On("do")
	}
	if err != nil {
		return err
	}
	v.tell("done", "order.given")
	v.redirect("/fleet/" + s.ID.String())
	return nil
}
