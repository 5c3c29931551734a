package site

import (
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
)

// Buckets of the shelf.
const (
	shelfSync = "sync"    // link, settings
	shelfLog  = "synclog" // Cycle by time
	shelfNo   = "refused" // exchange.Refusal by padded seq
	shelfOdd  = "doubt"   // records that a restored centre has not confirmed (doubted)
	// Keys of those it has confirmed since the last checkpoint.
	shelfSettled = "settled doubt"
	// Records in doubt as they were handed in (exchange.Found), until the centre says
	// that none of those it was told of waits for a person.
	shelfHanded = "handed in"
)

// State is how far a site has come (R-H-20).
type State string

// The states of a site.
const (
	Unenrolled   State = "new"          // not enrolled yet
	Initialising State = "initialising" // unusable until it is done (R-H-21)
	Ready        State = "ready"
)

// link is where this site stands with the centre. It is kept on the shelf and
// moves in the same transactions as what it counts.
type link struct {
	State State `json:"state"`
	// Turn and Nonce are those of the last exchange; Open until it was answered to
	// its end, so that a repeat is known as such.
	Turn  uint64 `json:"turn"`
	Nonce string `json:"nonce"`
	Open  bool   `json:"open,omitempty"`

	Acknowledged atoll.Head          `json:"acknowledged"`
	Earlier      []atoll.Head        `json:"earlier,omitempty"` // timelines before restores of this database, with their ends
	Centre       atoll.Timeline      `json:"centre,omitempty"`
	Runs         []exchange.Run      `json:"runs,omitempty"` // of the centre, with our cursor when we first heard of each
	Seen         uint64              `json:"seen,omitempty"` // the highest number of the centre's own journal that a record here came from
	Cursor       atoll.Position      `json:"cursor"`         // staged up to here
	Applied      atoll.Position      `json:"applied"`        // the last checkpoint
	Head         atoll.Position      `json:"head"`           // the centre's newest position, as last heard
	Covered      []atoll.Audience    `json:"covered,omitempty"`
	Backfills    []exchange.Backfill `json:"backfills,omitempty"` // all, in the order in which they are read
	Again        bool                `json:"again,omitempty"`     // what is read from its beginning may be here: it was set back
	Resend       bool                `json:"resend,omitempty"`    // the centre asked for everything again
	Gap          bool                `json:"gap,omitempty"`       // the centre lacks entries from before our journal's base
	Voucher      *exchange.Voucher   `json:"voucher,omitempty"`   // the centre's, the highest
	Vouch        bool                `json:"vouch,omitempty"`     // it is to be shown
	Shown        *exchange.Voucher   `json:"shown,omitempty"`     // that was shown last
	Remind       bool                `json:"remind,omitempty"`    // it is to be shown once more
	Doubts       int                 `json:"doubts,omitempty"`    // records in doubt
	Settling     bool                `json:"settling,omitempty"`  // the centre has told of some, since the last checkpoint
	Ask          bool                `json:"ask,omitempty"`       // the centre is to be asked about them
	Handed       bool                `json:"handed,omitempty"`    // some were handed in, and wait for a person there
	Rekey        bool                `json:"rekey,omitempty"`     // the centre asked for a new key
	OpenRefusals int                 `json:"open_refusals,omitempty"`
	SentBack     bool                `json:"sent_back,omitempty"` // documents were, and the stock is yet to follow
	Agreement    agreement           `json:"agreement,omitzero"`
	Scrubbed     time.Time           `json:"scrubbed,omitzero"`   // when every row here was last read
	Differing    int                 `json:"differing,omitempty"` // rows that differ from the centre's and were not repaired
	Verify       string              `json:"verify,omitempty"`    // compare at the end of the cycle, mostly by the centre's order: verify, or repair
	Placed       bool                `json:"placed,omitempty"`    // records have their audiences (journal.Door.PlaceAll)

	LastTry      time.Time  `json:"last_try,omitzero"`
	LastSuccess  time.Time  `json:"last_success,omitzero"`
	LastDuration float64    `json:"last_duration,omitempty"` // seconds
	LastCode     atoll.Code `json:"last_code,omitempty"`
	LastError    string     `json:"last_error,omitempty"`
	LastHint     string     `json:"last_hint,omitempty"`
	ClockAhead   int64      `json:"clock_ahead,omitempty"` // ms; this site's clock minus the centre's
	CentreApp    string     `json:"centre_app,omitempty"`
	RuleHash     string     `json:"rule_hash,omitempty"` // of the centre's catalogue
	Catalogue    string     `json:"catalogue,omitempty"` // of ours, at the last checkpoint
	LogRows      int        `json:"log_rows,omitempty"`
}

// run is the centre's run we last heard of.
func (l link) run() string {
	if len(l.Runs) == 0 {
		return ""
	}
	return l.Runs[len(l.Runs)-1].ID
}

// earlier are the earlier timelines a Hello names: of what is not acknowledged, and
// the one before the present until an entry under that is.
func (l link) earlier() []atoll.Head {
	for i, e := range l.Earlier {
		if e.Seq >= l.Acknowledged.Seq {
			return l.Earlier[i:]
		}
	}
	return nil
}

// reading are the backfills a Hello names.
func (l link) reading() []exchange.Backfill {
	return l.Backfills[:min(len(l.Backfills), exchange.MaxBackfills)]
}

// underWay are the lanes of what this site reads from the beginning, but those that
// are complete now.
func (l link) underWay(complete []string) (lanes []string) {
	for _, b := range l.reading() {
		if !slices.Contains(complete, string(b.Audience)) {
			lanes = append(lanes, string(b.Audience))
		}
	}
	return lanes
}

// queued are the places of the other backfills among all our audiences.
func (l link) queued() []int {
	rest := l.Backfills[len(l.reading()):]
	if len(rest) == 0 {
		return nil
	}
	all := slices.Clone(l.Covered)
	for _, b := range l.Backfills {
		all = append(all, b.Audience)
	}
	waits := make(map[atoll.Audience]bool, len(rest))
	for _, b := range rest {
		waits[b.Audience] = true
	}
	return exchange.Places(all, func(a atoll.Audience) bool { return waits[a] })
}

// advance moves the cursors of backfills on to where they were read.
func (l *link) advance(reached map[atoll.Audience]atoll.Position) {
	if len(reached) == 0 {
		return
	}
	for i, b := range l.Backfills {
		l.Backfills[i].Cursor = max(b.Cursor, reached[b.Audience])
	}
}

// midway goes back to where everything that lies below is here: the last checkpoint,
// and the beginning of each lane. The centre began another run, so it may have been
// restored from a backup. A record whose next change lay ahead of us then, so that we
// passed nothing of it, may now stand behind us as it was before; a cursor that is not
// above the backup does not show it.
func (l *link) midway() {
	l.Cursor, l.Again = min(l.Cursor, l.Applied), true
	for i := range l.Backfills {
		l.Backfills[i].Cursor = 0
	}
}

// reached notes a checkpoint: all up to there is here, as one state of the centre, but
// for the lanes that go on.
func (l *link) reached(tx storage.Tx, at atoll.Position) error {
	l.Cursor, l.Applied, l.Ask = max(l.Cursor, at), at, l.Doubts > 0
	l.Again = l.Again && len(l.Backfills) > 0
	return l.settle(tx)
}

// rewind sets the cursors back: the centre was restored, and what it gave after
// the position it gives again, or has lost. What is staged of it is forgotten, and
// what it made itself after the entry since is in doubt.
//
// What is forgotten stood for all earlier versions of the record, and the centre may
// have one of those now, below the position: see midway.
func (l *link) rewind(tx storage.Tx, to atoll.Position, since uint64) error {
	l.Cursor, l.Applied, l.Ask, l.Again = min(l.Cursor, to), min(l.Applied, to), false, true
	l.Seen = min(l.Seen, since)
	if err := l.doubt(tx, since); err != nil {
		return err
	}
	for i := range l.Backfills {
		l.Backfills[i].Cursor = min(l.Backfills[i].Cursor, to)
	}
	lanes, err := tx.CountStaged()
	if err != nil {
		return err
	}
	for lane := range lanes {
		err := storage.EachStaged(tx, lane, func(item storage.StagedItem) error {
			if item.Position <= to {
				return nil
			}
			if lane == integrate.LaneWaiting {
				l.Applied = 0 // nobody knows since when it waits
			}
			return tx.Unstage(lane, item.Key)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func loadLink(r storage.Reader) (link, error) {
	l := link{State: Unenrolled}
	err := storage.Load(r, shelfSync, "link", &l)
	if errors.Is(err, atoll.NotFound) {
		err = nil
	}
	return l, err
}

func (l link) save(tx storage.Tx) error { return storage.Save(tx, shelfSync, "link", l) }

// Settings are what people choose about synchronisation here (R-I-07, R-I-08).
// Pausing and disabling both go on capturing changes.
type Settings struct {
	// Interval between cycles; 10 minutes when zero. Pausing is done by Paused.
	Interval time.Duration `json:"interval,omitempty"`
	// Batch is the largest number of records in one exchange; 0 leaves it to how fast
	// the line is.
	Batch    int       `json:"batch,omitempty"`
	Paused   bool      `json:"paused,omitempty"`   // until resumed; a manual sync still works
	Disabled bool      `json:"disabled,omitempty"` // nothing syncs, also not by hand
	Reason   string    `json:"reason,omitempty"`
	By       string    `json:"by,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// DefaultInterval is the time between cycles unless set otherwise.
const DefaultInterval = 10 * time.Minute

func loadSettings(r storage.Reader) (Settings, error) {
	var s Settings
	err := storage.Load(r, shelfSync, "settings", &s)
	if errors.Is(err, atoll.NotFound) {
		err = nil
	}
	if s.Interval <= 0 {
		s.Interval = DefaultInterval
	}
	return s, err
}
