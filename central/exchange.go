package central

import (
	"context"
	"errors"
	"iter"
	"maps"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// Orders to a site. All are carried in Welcome.Orders but the second, which is a reason
// to refuse the site until it initialises.
const (
	orderResend       = "resend"
	orderReinitialise = "reinitialise"
	orderVerify       = "verify" // compare all rows; repair: and repair what differs
	orderRepair       = "repair"
)

// How much is admitted in one transaction: enough that the commit's cost is
// shared, little enough that other sites do not wait long.
const (
	admitEntries = 500
	admitBytes   = 2 << 20
)

// Exchange runs one exchange with a site; see exchange.Centre. The caller has
// made sure that the site is who it says (package wire, by its token).
func (c *Centre) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		started := c.Now()
		ctx := exchange.InCycle(ctx, exchange.CycleOf(h.Nonce))
		tally := tally{site: h.Site, started: started}
		err := c.exchange(ctx, h, entries, &tally, func(f exchange.Frame) bool { return yield(f, nil) })
		c.record(h, &tally, err)
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// errStopped says that the reader broke off.
var errStopped = errors.New("the reader broke off")

func (c *Centre) exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error], y *tally, yield func(exchange.Frame) bool) error {
	if err := c.compatible(h); err != nil {
		return err
	}
	leave, err := c.enter(ctx, h.Site)
	if err != nil {
		return err
	}
	defer leave()

	p := &push{centre: c, hello: h}
	cut := p.read(ctx, entries)
	if cut == nil {
		y.received = c.Now()
	}
	for _, no := range p.receipt.Refusals {
		c.Log.WarnContext(ctx, "entry quarantined", "site", h.Site, "seq", no.Seq, "code", no.Code, "layer", no.Layer, "type", no.Type, "id", no.ID)
	}
	if cut != nil && !p.begun {
		return cut
	}
	if p.receipt.Quarantined > 0 || p.state.Late {
		if err := c.offerLate(ctx, h.Site); err != nil {
			c.Log.ErrorContext(ctx, "late changes could not be offered", "site", h.Site, "err", err)
		}
	}
	if p.receipt.Applied+p.receipt.Quarantined > 0 && c.Admitted != nil {
		c.Admitted(ctx)
	}
	y.receipt = p.receipt
	if cut != nil {
		return cut // what arrived whole is kept; the site learns of it next time
	}
	welcome := exchange.Welcome{
		Protocol: exchange.Protocol, Catalogue: c.Door.Judge.Catalogue.Version(), CatalogueHash: c.Door.Judge.Catalogue.Hash(),
		App: c.App, Centre: p.life.Timeline, Run: p.life.run(), Clock: c.Now().UnixMilli(), Known: p.known, Rewind: p.rewind,
		Orders: p.state.told(), Since: p.since, Voucher: p.voucher, Found: p.waiting,
	}
	if months := p.state.HistoryMonths; h.Initialising && months > 0 {
		welcome.Spared = c.sparedBefore(months).UnixMilli()
	}
	if p.lost {
		welcome.Runs = p.life.Runs
	}
	if !yield(welcome) || !yield(p.receipt) {
		return errStopped
	}
	if p.lost {
		// Where the site may go on reading, in the normal flow and in its lanes, is its
		// to find out, from the runs.
		if !yield(exchange.End{Head: p.head, More: true}) {
			return errStopped
		}
		return nil
	}
	h.Found = p.found
	answer, err := c.serve(ctx, p.state, h, p.rewind, p.written)
	if err != nil {
		return err
	}
	for _, f := range answer {
		if r, ok := f.(exchange.Record); ok {
			y.records++
			y.bytes += len(r.Body)
		}
		if end, ok := f.(exchange.End); ok {
			y.cursor = end.Cursor
			y.complete = !end.More && h.Waiting <= p.receipt.Offered
		}
		if !yield(f) {
			return errStopped
		}
	}
	return nil
}

// push takes the entries of one exchange, batch by batch.
type push struct {
	centre *Centre
	hello  exchange.Hello
	begun  bool
	standing
	receipt exchange.Receipt
	written map[atoll.Key]atoll.Position // see admitted
	batch   []arrival
	bytes   int
}

// read admits entries as they arrive. It returns why they ended early, if they
// did; what was admitted before stays.
func (p *push) read(ctx context.Context, entries iter.Seq2[exchange.Entry, error]) error {
	var cut error
	for e, err := range entries {
		if err != nil {
			cut = err
			break
		}
		p.batch = append(p.batch, arrive(e))
		p.bytes += len(e.Content)
		if len(p.batch) >= admitEntries || p.bytes >= admitBytes {
			if err := p.commit(ctx); err != nil {
				return err
			}
		}
	}
	if len(p.batch) > 0 || !p.begun {
		if err := p.commit(ctx); err != nil {
			return err
		}
	}
	return cut
}

// commit admits the batch in one transaction, shared with other sites'.
func (p *push) commit(ctx context.Context) error {
	pending := p.centre.takePending()
	next, of := *p, admitted{}
	var keys []atoll.Key
	if brief(p.batch) {
		keys, _ = p.centre.judgedBy(p.batch)
	}
	err := p.centre.commits.reading(ctx, keys, func(tx storage.Tx) (err error) {
		next, of = *p, admitted{written: map[atoll.Key]atoll.Position{}} // the transaction may run again
		if err := runAll(tx, pending); err != nil {
			return err
		}
		if !next.begun {
			if next.standing, err = p.centre.begin(tx, p.hello); err != nil {
				return err
			}
			next.begun = true
			next.receipt.Acknowledged = next.known
		}
		if err := p.centre.admit(tx, p.hello, p.batch, &next.receipt, &of); err != nil || next.receipt.Quarantined == 0 {
			return err
		}
		return mayBeLate(tx, p.hello.Site, true)
	})
	if err != nil {
		for _, fn := range pending {
			p.centre.later(fn)
		}
		return err
	}
	next.batch, next.bytes = nil, 0
	if next.written == nil {
		next.written = of.written
	} else {
		maps.Copy(next.written, of.written)
	}
	*p = next
	return nil
}

// tally is what an exchange came to.
type tally struct {
	site     atoll.SiteID
	started  time.Time
	received time.Time // when all that the site offered was judged; zero while it is not
	receipt  exchange.Receipt
	records  int
	bytes    int
	complete bool
	cursor   atoll.Position // how far the answer reached
}

// Phase is one of the two halves of an exchange.
type Phase string

// The phases of an exchange: the site offers, then it is answered.
const (
	Receiving Phase = "receiving"
	Answering Phase = "answering"
)

// Cycle is one row of the centre's sync log (R-I-24).
type Cycle struct {
	// ID names the cycle of the site, there and here; see exchange.CycleOf.
	ID          string        `json:"cycle,omitempty"`
	Site        atoll.SiteID  `json:"site"`
	Started     time.Time     `json:"started"`
	Took        time.Duration `json:"took"`
	Receiving   time.Duration `json:"receiving,omitempty"` // of it, until all that the site offered was judged
	Broke       Phase         `json:"broke,omitempty"`     // in which it ended, when that was too early
	Turn        uint64        `json:"turn"`
	Offered     int           `json:"offered"`
	Applied     int           `json:"applied"`
	Duplicate   int           `json:"duplicate"`
	Quarantined int           `json:"quarantined"`
	Sent        int           `json:"sent"`  // records
	Bytes       int           `json:"bytes"` // of their bodies, before compression
	Complete    bool          `json:"complete"`
	Code        atoll.Code    `json:"code,omitempty"`
	Error       string        `json:"error,omitempty"`
}

// stopped reports whether a refusal ends an attempt to initialise until somebody
// does something, rather than for a while.
func stopped(code atoll.Code) bool {
	switch code {
	case atoll.Interrupted, atoll.Busy, atoll.Unavailable, atoll.Paused:
		return false
	default:
		return true
	}
}

// record notes the exchange in the sync log and the site's state, along with the
// next commit.
func (c *Centre) record(h exchange.Hello, y *tally, err error) {
	now := c.Now()
	row := Cycle{
		ID: exchange.CycleOf(h.Nonce), Site: h.Site, Started: y.started, Took: now.Sub(y.started), Turn: h.Turn,
		Offered: y.receipt.Offered, Applied: y.receipt.Applied, Duplicate: y.receipt.Duplicate,
		Quarantined: y.receipt.Quarantined, Sent: y.records, Bytes: y.bytes, Complete: y.complete,
	}
	phase := Receiving
	if !y.received.IsZero() {
		phase, row.Receiving = Answering, y.received.Sub(y.started)
	}
	if err != nil {
		row.Broke = phase
		row.Code, row.Error = atoll.CodeOf(err), err.Error()
		if errors.Is(err, errStopped) {
			row.Code, row.Error = atoll.Interrupted, "the site broke off"
		}
	}
	c.visited(row)
	if c.Exchanged != nil {
		c.Exchanged(row)
	}
	c.later(func(tx storage.Tx) error {
		key := y.started.UTC().Format("20060102T150405.000000000") + siteKey(h.Site)
		if err := storage.Save(tx, shelfLog, key, row); err != nil {
			return err
		}
		s, err := State(tx, h.Site)
		if err != nil {
			return nil //nolint:nilerr // a site that was never made has no state
		}
		if y.complete && row.Code == "" {
			s.LastComplete, s.Cursor, s.Waiting = now, y.cursor, 0
			if s.Initialisation == InitStarted {
				s.Initialisation = InitCompleted
			}
		}
		if row.Code != "" && row.Code != atoll.Interrupted {
			s.LastCode, s.LastError = row.Code, row.Error
			if h.Initialising && s.Initialisation != InitCompleted && stopped(row.Code) {
				s.Initialisation = InitError // LastError is why
			}
		}
		return s.save(tx)
	})
}
