package central

import (
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// standing is what begin found out about both logs.
type standing struct {
	state  SiteState
	life   life
	known  atoll.Head       // the end of the site's journal here
	rewind *atoll.Position  // where the site must go back to, if it must
	lost   bool             // the site heard of a run this database does not know
	head   atoll.Position   // our newest position, if lost
	since  uint64           // number of our last own entry that both know, if rewind
	found  []exchange.Found // what the site found and we keep, or need not
	// waiting is how many records wait for a person that the site found.
	waiting int
	// voucher is what the site is given to keep; nil if it has a good one.
	voucher *exchange.Voucher
}

// begin checks who the site is and where both logs stand, and remembers it. It
// runs in the transaction that admits the first entries of the exchange, so that
// the turn moves with what it counts.
func (c *Centre) begin(tx storage.Tx, h exchange.Hello) (st standing, err error) {
	if st.state, err = State(tx, h.Site); err != nil {
		return st, err
	}
	t, err := c.Door.Topology(tx)
	if err != nil {
		return st, err
	}
	if st.known, err = tx.Head(h.Site); err != nil {
		return st, err
	}
	if st.life, err = loadLife(tx); err != nil {
		return st, err
	}
	if h.Centre != "" && h.Centre != st.life.Timeline {
		return st, atoll.Errorf(atoll.SiteMismatch, "the site belongs to another central server, or this one was made anew").
			Do("enrol the site again with a ticket of this centre")
	}
	reading := exchange.Place(st.life.Runs, h, st.known)
	switch {
	case reading.Lost:
		st.lost = true
		if st.head, err = tx.LastPosition(); err != nil {
			return st, err
		}
	case reading.Back:
		st.rewind, st.since = &reading.From, reading.Own
	}
	if err = c.identify(t, &st.state, h, reading.Older); err != nil {
		return st, err
	}
	if err = c.pass(tx, &st, h); err != nil {
		return st, err
	}
	if err = c.place(tx, h, st.known); err != nil {
		return st, err
	}
	if st.lost || st.rewind != nil {
		c.Log.Warn("this database is older than what a site has seen: it was restored", "site", h.Site)
	}
	older := st.lost || st.rewind != nil || st.known.Seq < h.Acknowledged.Seq
	earlier := st.rewind != nil && (st.life.Since == nil || *st.life.Since > st.since)
	if earlier {
		st.life.Since = &st.since
	}
	if earlier || older && !st.life.Restored {
		st.life.Restored = true
		if err := storage.Save(tx, shelfCentre, "life", st.life); err != nil {
			return st, err
		}
	}
	if err := c.recall(tx, &st, h); err != nil {
		return st, err
	}
	st.state.tell(h.Turn)
	c.note(&st.state, h)
	return st, st.state.save(tx)
}

// told are the orders a Welcome carries.
func (s SiteState) told() []string {
	var out []string
	if slices.Contains(s.Orders, orderResend) {
		out = append(out, orderResend)
	}
	for _, o := range []string{orderVerify, orderRepair} {
		if slices.Contains(s.Orders, o) {
			out = append(out, o)
		}
	}
	if !s.KeyUntil.IsZero() {
		out = append(out, orderRekey)
	}
	return out
}

// tell keeps the order to send everything again until the site has heard it: a
// site begins another turn only when the answer to the last one came whole.
func (s *SiteState) tell(turn uint64) {
	switch {
	case !slices.Contains(s.Orders, orderResend):
	case s.Told == 0 || turn <= s.Told:
		s.Told = turn
	default:
		s.Orders = slices.DeleteFunc(s.Orders, func(o string) bool { return o == orderResend })
		s.Told = 0
	}
}

// compatible checks versions, before anything is read or written (R-K-62): a
// site newer than the centre waits for the centre to be upgraded.
func (c *Centre) compatible(h exchange.Hello) error {
	switch {
	case h.Protocol > exchange.Protocol || h.Catalogue > c.Door.Judge.Catalogue.Version():
		return atoll.Errorf(atoll.OldProtocol, "the site speaks protocol %d with catalogue %d; the centre knows %d and %d",
			h.Protocol, h.Catalogue, exchange.Protocol, c.Door.Judge.Catalogue.Version()).
			Do("upgrade the central server first; the site goes on working and keeps its changes")
	case h.Protocol < exchange.OldestProtocol:
		return atoll.Errorf(atoll.OldProtocol, "the site speaks protocol %d; the centre accepts %d to %d",
			h.Protocol, exchange.OldestProtocol, exchange.Protocol).
			Do("upgrade the site; it goes on working and keeps its changes")
	}
	return nil
}

// identify checks that this is the site's own database on its own device
// (R-H-12, R-H-13, R-H-27).
func (c *Centre) identify(t interface {
	Active(atoll.SiteID) []atoll.ID
}, s *SiteState, h exchange.Hello, older bool,
) error {
	switch {
	case len(s.Key) == 0:
		return atoll.Errorf(atoll.SiteUnknown, "site %d is not enrolled", h.Site).Do("enrol it with a one-time code from the centre")
	case s.Device != "" && s.Device != h.Device:
		return atoll.Errorf(atoll.SiteDevice, "site %d belongs to another device", h.Site).
			Do("if the device was replaced, reset it at the centre with: atoll site reset-device %d", h.Site)
	case s.Paused != "":
		return atoll.Errorf(atoll.Paused, "the centre has paused this site: %s", s.Paused).Do("changes are kept until it is resumed")
	case h.Initialising && len(t.Active(h.Site)) == 0:
		return atoll.Errorf(atoll.SiteNoStore, "site %d has no store", h.Site).Do("put a store on it at the centre with: atoll store assign STORE %d", h.Site)
	case slices.Contains(s.Orders, orderReinitialise) && !h.Initialising:
		return atoll.Errorf(atoll.Initialise, "the centre asks this site to initialise again").Do("run: atoll init site --again")
	}
	older = older || s.FirstContact.IsZero() // of one that has initialised
	next, taken, err := exchange.Memory{Timeline: s.Timeline, Turn: s.Turn, Nonce: s.Nonce}.Recognise(h, older)
	if taken { // the database before can no longer sync
		s.Timeline, s.Turn, s.Nonce, s.Voucher = h.Timeline, 0, "", 0
		if h.Initialising {
			s.Initialisation, s.Orders, s.Told = InitStarted, nil, 0
		} else {
			// It has the key and the device of the site, and the one we remember could
			// not have seen what it has.
			c.Log.Warn("the site has initialised since this database was backed up; its present database is taken for the site", "site", h.Site)
		}
	}
	if err == nil {
		// One that was restored from a backup as new as our memory goes on in the place
		// of the one before, which is out from here on.
		s.Timeline = next.Timeline
	}
	return err
}

// pass goes on with the site's journal where the site's own part of it begins,
// when we were restored to before the site initialised: what lies between is lost
// as entries. As records the site has it, and is asked to state them.
func (c *Centre) pass(tx storage.Tx, st *standing, h exchange.Hello) error {
	if h.Base == nil || h.Base.Seq <= st.known.Seq || h.Acknowledged.Seq < h.Base.Seq {
		return nil
	}
	from := st.known.Seq + 1
	if err := c.Door.Skip(tx, h.Site, *h.Base); err != nil {
		return err
	}
	c.Log.Warn("entries of a site are lost: neither this database, which was restored, nor the site has them; it is asked to send its records again",
		"site", h.Site, "from", from, "to", h.Base.Seq)
	st.known = *h.Base
	st.state.Lost = append(st.state.Lost, Span{From: from, To: h.Base.Seq})
	if !slices.Contains(st.state.Orders, orderResend) {
		st.state.Orders = append(st.state.Orders, orderResend)
	}
	st.state.Told = 0
	return nil
}

// place checks that the site's journal and our copy of it are one journal.
func (c *Centre) place(r storage.Reader, h exchange.Hello, known atoll.Head) error {
	return exchange.OneJournal(h, known, func(seq uint64) (atoll.Hash, error) {
		e, err := r.Entry(h.Site, seq)
		return e.Hash, err
	})
}

// note remembers what the site said of itself.
func (c *Centre) note(s *SiteState, h exchange.Hello) {
	now := c.Now()
	s.Device, s.Turn, s.Nonce = h.Device, h.Turn, h.Nonce
	s.App, s.Protocol, s.Catalogue, s.CatalogueHash = h.App, h.Protocol, h.Catalogue, h.CatalogueHash
	s.Cursor, s.Waiting, s.Errors, s.Head = h.Cursor, h.Waiting, h.Errors, h.Head.Seq
	s.ClockAhead = time.UnixMilli(h.Clock).Sub(now).Truncate(time.Millisecond)
	s.LastContact, s.LastError, s.LastCode = now, "", ""
	if s.FirstContact.IsZero() {
		s.FirstContact = now
	}
	switch {
	case h.Initialising && (s.Initialisation == InitNew || s.Initialisation == InitError):
		s.Initialisation = InitStarted
	case !h.Initialising:
		s.Initialisation = InitCompleted
	}
}
