package console

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
)

// How many rows the overview and the page of synchronisation show.
const (
	someRows = 5
	manyRows = 50
	mostRows = 500
)

// cycleRow is one cycle of the sync log, in the reader's words.
type cycleRow struct {
	site.Cycle
	Trouble saying // zero when it went well
}

// waitingRow is one transaction that waits to be sent.
type waitingRow struct {
	site.Unsent
	First atoll.Key // what it is about
	Name  string
	More  int // further records
}

// refusedRow is one refused transaction, with the record's own page.
type refusedRow struct {
	exchange.Refusal
	Key    atoll.Key
	Name   string
	Status string
}

// Subject is the record that the refusal is about.
func (r refusedRow) Subject() atoll.Key { return r.Key }

// syncData is what the pages about synchronisation show.
type syncData struct {
	Card     card
	Waiting  []waitingRow
	Total    uint64 // that wait
	Refused  []refusedRow
	Cycles   []cycleRow
	More     int // rows to ask for next; 0 when all are shown
	Settings site.Settings
	Minutes  string
}

func (c *console) syncRows(v *Visit, rows int) (syncData, error) {
	var d syncData
	st, err := c.Sync.Status(v.ctx())
	if err != nil {
		return d, err
	}
	waiting, total, err := c.Sync.Waiting(v.ctx(), rows)
	if err != nil {
		return d, err
	}
	refused, err := c.Sync.Refused(v.ctx(), rows)
	if err != nil {
		return d, err
	}
	cycles, err := c.Sync.SyncLog(v.ctx(), rows+1)
	if err != nil {
		return d, err
	}
	if len(cycles) > rows {
		cycles, d.More = cycles[:rows], min(rows*2, mostRows)
	}
	d.Card, d.Total, d.Settings = cardOf(st, waiting, c.Now()), total, st.Settings
	d.Minutes = strconv.FormatFloat(st.Settings.Interval.Minutes(), 'f', -1, 64)
	for _, row := range cycles {
		r := cycleRow{Cycle: row}
		if row.Code != "" {
			r.Trouble = saying{Key: "code." + string(row.Code)}
		}
		d.Cycles = append(d.Cycles, r)
	}
	err = c.nameRows(v, &d, waiting, refused)
	return d, err
}

// nameRows says what the waiting and refused transactions are about.
func (c *console) nameRows(v *Visit, d *syncData, waiting []site.Unsent, refused []exchange.Refusal) error {
	err := c.Database.View(v.ctx(), func(r storage.Reader) error { // of stores that are the reader's
		if len(v.User.Stores) == 0 {
			return nil
		}
		var failed error
		hides := func(key atoll.Key) bool {
			sees, err := v.seesKey(r, key)
			failed = errors.Join(failed, err)
			return !sees
		}
		waiting = slices.DeleteFunc(slices.Clone(waiting), func(w site.Unsent) bool { return slices.ContainsFunc(w.Keys, hides) })
		refused = slices.DeleteFunc(slices.Clone(refused), func(no exchange.Refusal) bool { return hides(atoll.Key{Type: no.Type, ID: no.ID}) })
		return failed
	})
	if err != nil {
		return err
	}
	var keys []atoll.Key
	for _, w := range waiting {
		if len(w.Keys) > 0 {
			keys = append(keys, w.Keys[0])
		}
	}
	for _, r := range refused {
		keys = append(keys, atoll.Key{Type: r.Type, ID: r.ID})
	}
	names, err := c.names(v, keys)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		row := waitingRow{Unsent: w}
		if len(w.Keys) > 0 {
			row.First, row.More = w.Keys[0], len(w.Keys)-1
			row.Name = names[row.First]
		}
		d.Waiting = append(d.Waiting, row)
	}
	for _, r := range refused {
		key := atoll.Key{Type: r.Type, ID: r.ID}
		d.Refused = append(d.Refused, refusedRow{Refusal: r, Key: key, Name: names[key]})
	}
	return nil
}

// today is the first page. At a site: one light, one button, and what matters today.
func (c *console) today(v *Visit) error {
	if c.Sync == nil {
		return c.centreToday(v)
	}
	d, err := c.syncRows(v, someRows)
	if err != nil {
		return err
	}
	return v.page("today", v.T("today.title"), d)
}

// syncPage shows everything about the synchronisation of this site.
func (c *console) syncPage(v *Visit) error {
	rows := manyRows
	if n, err := strconv.Atoi(v.R.FormValue("rows")); err == nil && n > 0 {
		rows = min(n, mostRows)
	}
	d, err := c.syncRows(v, rows)
	if err != nil {
		return err
	}
	return v.page("sync", v.T("sync.title"), d)
}

// syncNow asks for a cycle; while one runs, for one more (R-I-09).
func (c *console) syncNow(v *Visit) error {
	set, err := c.Sync.Settings(v.ctx())
	if err != nil {
		return err
	}
	if set.Disabled {
		return atoll.Errorf(atoll.Paused, "synchronisation is disabled here").Do("enable it on the page Sync; changes are kept meanwhile")
	}
	c.Sync.SyncSoon()
	if v.R.Header.Get("HX-Request") == "true" {
		return c.syncCard(v)
	}
	v.tell("done", "sync.asked")
	v.back("/sync")
	return nil
}

// syncCard answers with the card alone, for a page that is open.
func (c *console) syncCard(v *Visit) error {
	card, err := c.card(v)
	if err != nil {
		return err
	}
	return v.fragment("sync", "sync-card", card)
}

func (c *console) card(v *Visit) (card, error) {
	st, err := c.Sync.Status(v.ctx())
	if err != nil {
		return card{}, err
	}
	oldest, _, err := c.Sync.Waiting(v.ctx(), 1)
	return cardOf(st, oldest, c.Now()), err
}

// syncLine is the line at the foot of the navigation: the light and how many
// changes wait (R-I-02).
func (c *console) syncLine(v *Visit) (card, error) { return c.card(v) }

// syncSettings changes the schedule: paused, disabled, or every so many minutes
// (R-I-07, R-I-08).
func (c *console) syncSettings(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	do, reason := v.R.PostFormValue("do"), v.R.PostFormValue("reason")
	var minutes float64
	switch do {
	case "pause", "disable", "resume":
	case "interval":
		var err error
		if minutes, err = strconv.ParseFloat(v.R.PostFormValue("minutes"), 64); err != nil || minutes <= 0 || minutes > 44640 {
			return atoll.Errorf(atoll.Invalid, "an interval is a number of minutes").On("minutes").Do("choose between 1 and 44640; pause to stop")
		}
	default:
		return atoll.Errorf(atoll.Invalid, "there is no such setting").On("do")
	}
	err := c.Sync.Configure(v.ctx(), v.User.Name, func(s *site.Settings) {
		switch do {
		case "pause":
			s.Paused, s.Reason = true, reason
		case "disable":
			s.Disabled, s.Reason = true, reason
		case "resume":
			s.Paused, s.Disabled, s.Reason = false, false, ""
		case "interval":
			s.Interval = time.Duration(minutes * float64(time.Minute))
		}
	})
	if err != nil {
		return err
	}
	v.tell("done", "sync.set."+do)
	v.redirect("/sync")
	return nil
}
