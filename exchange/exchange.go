// Package exchange is what a site and the centre say to each other, as values.
//
// One exchange is one round trip: the site says where it stands and sends the
// entries of its journal that the centre lacks; the centre answers with what it
// made of them and with the part of its feed that the site lacks. The package
// holds no transport and no database: package central answers exchanges, package
// site drives them, package wire carries them over HTTP, and in a test one can
// be handed to the other. docs/protocol.md is the same for readers who write
// another program.
package exchange

import (
	"context"
	"crypto/ed25519"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

// Protocol is the version of the exchange this program speaks, and OldestProtocol
// the lowest a centre of this version accepts (R-K-62). A dated line for each step:
//
//	1  2026-11  the first
//	2  2026-11  short forms of a Hello and of an answer with nothing new
const (
	Protocol       = 2
	OldestProtocol = 1
)

// Bounds on one exchange, whatever the parties ask for (R-K-52, R-K-58).
const (
	MaxRecords   = 5000     // records in one answer
	MaxEntries   = 2000     // entries in one request
	MaxBytes     = 16 << 20 // bytes of content each way, before compression
	MaxBackfills = 512      // backfilled audiences named and served in one exchange
	MaxAudiences = 200000   // in one subscription
	MaxFound     = 200      // unconfirmed records in one request
	MaxText      = 200      // bytes of a short text of a Hello or an Enrolment: device, version, digest
)

// Centre answers sites. It is implemented by the central server itself and, for
// a site far away, by the client in package wire.
type Centre interface {
	// Exchange runs one exchange. The centre reads entries until they end or fail;
	// those that arrived whole before a failure count (they are admitted and
	// stored). It then answers in the order Welcome, Receipt, Subscription (if it
	// differs), Records, Checkpoint (if a consistent state was reached), End. An
	// answer without an End was cut: what arrived whole before the cut may be kept.
	// The answer must be ranged over to its end, or broken off, exactly once;
	// errors are *atoll.Error.
	Exchange(ctx context.Context, hello Hello, entries iter.Seq2[Entry, error]) iter.Seq2[Frame, error]
}

// Hello opens an exchange: who the site is and where both logs stand for it.
type Hello struct {
	Protocol      int            `json:"protocol"`
	Catalogue     int            `json:"catalogue"`      // version
	CatalogueHash string         `json:"catalogue_hash"` // of the rule set in force (R-K-67)
	App           string         `json:"app"`            // program version
	Site          atoll.SiteID   `json:"site"`
	Device        string         `json:"device"`   // identity of the machine (R-H-12)
	Timeline      atoll.Timeline `json:"timeline"` // of the site's database
	// Turn counts the site's exchanges and Nonce is drawn for each, both stored
	// durably before the request leaves. A repeat of an unanswered exchange has the
	// same turn and nonce. The centre remembers the last: a turn it has seen with
	// another nonce, or one below it, comes from a restored or cloned database
	// (R-H-13, R-H-27).
	Turn  uint64 `json:"turn"`
	Nonce string `json:"nonce"`
	// Initialising asks for everything the site needs, its own records included
	// (R-H-22).
	Initialising bool `json:"initialising,omitempty"`

	// Acknowledged is the end of the site's journal at the centre as the site knows
	// it: the entries sent begin after it. Head is the end at the site.
	Acknowledged atoll.Head `json:"acknowledged"`
	Head         atoll.Head `json:"head"`

	// Base is where the journal begins in the site's database. It is given when the
	// centre lacks entries up to there, which the site no longer has either: the
	// centre goes on from Base, and asks for everything again ("resend").
	Base *atoll.Head `json:"base,omitempty"`

	// Earlier are the timelines that the site's journal had before, oldest first, each
	// with the number of its last entry (no hashes): a database that is restored from a
	// backup goes on under a new one. Given are those that reach to Acknowledged or
	// above, MaxEarlier at most.
	Earlier []atoll.Head `json:"earlier,omitempty"`

	// Centre is the timeline of the centre's database that Cursor belongs to, and Run
	// the run of the centre that the site last heard of (see Run).
	Centre atoll.Timeline `json:"centre,omitempty"`
	Run    string         `json:"run,omitempty"`
	// Cursor is the position up to which the site has the feed, staged frames
	// included.
	Cursor atoll.Position `json:"cursor"`
	// Subscription is the digest of the audiences that Cursor covers (see
	// DigestAudiences).
	Subscription string `json:"subscription"`
	// Backfills are gained audiences that are being read from their beginning:
	// MaxBackfills of them at most.
	Backfills []Backfill `json:"backfills,omitempty"`
	// Queued are the gained audiences beyond these, whose turn has not come: places
	// among all the audiences the site knows itself entitled to (see Places). The
	// normal flow leaves them out.
	Queued []int `json:"queued,omitempty"`

	// Again says that what is read from its beginning was read before, in part: the
	// centre was restored, or may have been. The site may have what is gone since.
	Again bool `json:"again,omitempty"`

	// Voucher is the last one of the centre, given back after the centre was found to
	// be restored.
	Voucher *Voucher `json:"voucher,omitempty"`
	// Found are records of the centre's own that a restored centre has not confirmed:
	// MaxFound at most. The answer says of each how it truly is.
	Found []Found `json:"found,omitempty"`

	// Records and Bytes limit the answer; 0 means the centre's choice.
	Records int `json:"records,omitempty"`
	Bytes   int `json:"bytes,omitempty"`
	// NoFeed asks for no records: the site has no room for more (R-L-12).
	NoFeed bool `json:"no_feed,omitempty"`

	Clock   int64 `json:"clock"`            // the site's clock, ms since 1970; for showing the difference (R-A-20)
	Waiting int   `json:"waiting"`          // operations still to be pushed, these included
	Errors  int   `json:"errors,omitempty"` // records the site could not integrate
}

// MaxEarlier bounds the earlier timelines in a Hello.
const MaxEarlier = 16

// TimelineOf returns the timeline under which the site made the entry.
func (h Hello) TimelineOf(seq uint64) atoll.Timeline {
	for _, e := range h.Earlier {
		if seq <= e.Seq {
			return e.Timeline
		}
	}
	return h.Timeline
}

// Descends reports whether the site's journal once had the timeline.
func (h Hello) Descends(from atoll.Timeline) bool {
	return slices.ContainsFunc(h.Earlier, func(e atoll.Head) bool { return e.Timeline == from })
}

// Backfill is one audience being read from its beginning.
type Backfill struct {
	Audience atoll.Audience `json:"audience"`
	Cursor   atoll.Position `json:"cursor"`
}

// Entry is one entry of the site's journal on its way up: the content as
// atoll.Outgoing leaves it. Its site is that of the Hello, its timeline too (see
// Hello.TimelineOf).
type Entry struct {
	Seq     uint64
	Content []byte
}

// Frame is one part of the centre's answer: Welcome, Receipt, Subscription,
// Record, Checkpoint or End.
type Frame interface{ frame() }

// Welcome says who answers.
type Welcome struct {
	Protocol      int            `json:"protocol"`
	Catalogue     int            `json:"catalogue"`
	CatalogueHash string         `json:"catalogue_hash"`
	App           string         `json:"app"`
	Centre        atoll.Timeline `json:"centre"` // of the centre's database
	Clock         int64          `json:"clock"`
	// Known is the end of the site's journal at the centre before this exchange.
	// When it is behind Hello.Acknowledged the centre was restored from a backup:
	// the site sends again from there.
	Known atoll.Head `json:"known"`
	// Run is the centre's present run.
	Run string `json:"run"`
	// Rewind tells the site to set its cursor back to this position: the centre was
	// restored from a backup, and gives later positions a second time. Nil when
	// there is no need.
	Rewind *atoll.Position `json:"rewind,omitempty"`
	// Runs are the centre's runs, oldest first, when it does not know the one the
	// site last heard of: it was restored from a backup made before that run. The
	// site finds the last run both know and sets its cursor back to where that ended;
	// no records come in this answer.
	Runs []Run `json:"runs,omitempty"`
	// Since is the number of the last entry of the centre's own journal that both
	// know, given with Rewind.
	Since uint64 `json:"since,omitempty"`
	// Voucher is kept by the site; see Voucher. Nil: the last one is still good.
	Voucher *Voucher `json:"voucher,omitempty"`
	// Found is how many of the records that this site handed in wait for a person (see
	// Hello.Found), and of those that many sites did. Until none does, a site keeps what it
	// handed in: a centre that is restored again may have lost that, too.
	Found int `json:"found,omitempty"`
	// Orders are what the centre wants done: "resend" (restate all own data, R-H-28).
	// Orders that stop the exchange are no part of a Welcome: a site that is to begin
	// anew is refused with Initialise, one that is paused with Paused.
	Orders []string `json:"orders,omitempty"`
	// Spared tells a site that initialises with a limit by months that documents are
	// left out that were settled before this moment, in milliseconds since 1970
	// (R-H-26). Zero: none is.
	Spared int64 `json:"spared,omitempty"`
}

// Run is one run of the centre: from one start of serving to the next. A database
// that was restored from a backup has another history of runs than its readers
// remember, which is how both find the last position that means the same to both.
type Run struct {
	ID string `json:"id"` // 8 hexadecimal digits, drawn at random
	// Began is the centre's newest position when the run began (at the centre); the
	// site's cursor when it first heard of the run (at a site).
	Began atoll.Position `json:"began"`
	// Own is the number of the last entry of the centre's own journal then (at the
	// centre); the last of them that the site knew of (at a site, 0 if it does not say).
	Own uint64 `json:"own,omitempty"`
}

// MaxRuns is how many runs either side remembers.
const MaxRuns = 64

// Receipt says what became of the entries of this request. Offered is always
// Applied + Duplicate + Quarantined (R-I-24).
type Receipt struct {
	// Acknowledged is the end of the site's journal at the centre now.
	Acknowledged atoll.Head `json:"acknowledged"`
	Offered      int        `json:"offered"` // entries that arrived whole
	Applied      int        `json:"applied"`
	Duplicate    int        `json:"duplicate"`
	Quarantined  int        `json:"quarantined"`
	Refusals     []Refusal  `json:"refusals,omitempty"`
	// Open is the number of the site's entries in quarantine, earlier ones included.
	Open int `json:"open,omitempty"`
}

// Refusal tells a site about one entry that was quarantined.
type Refusal struct {
	Seq     uint64     `json:"seq"`
	Code    atoll.Code `json:"code"`
	Layer   string     `json:"layer"`
	Message string     `json:"message"`
	Type    atoll.Type `json:"type,omitempty"`
	ID      atoll.ID   `json:"id,omitempty"`
	Field   string     `json:"field,omitempty"`
	// Reason is the rule that refused, for words in the reader's language.
	Reason atoll.Reason `json:"reason,omitzero"`
}

// Subscription lists the audiences the site is entitled to. It is sent when the
// site's digest shows that it does not know them.
type Subscription struct {
	Audiences []atoll.Audience `json:"audiences"`
}

// Record is one line of the feed with the record's state.
type Record struct {
	Position atoll.Position
	// Lane is the backfilled audience it belongs to; empty for the normal flow.
	Lane    atoll.Audience
	Key     atoll.Key
	Version uint64
	Origin  atoll.Origin
	Deleted bool
	// Gone says that the record has left the site's audiences: it is retracted.
	// Body is then empty.
	Gone bool
	// Forced overwrites the site's own version: the true state after a refusal.
	Forced bool
	Body   []byte
}

// Checkpoint ends a consistent state of the centre: with everything staged
// applied, the site has what the centre had at Position.
type Checkpoint struct {
	Position atoll.Position `json:"position"`
	// Joined are the backfilled audiences that are complete with it: from here on
	// the normal flow covers them.
	Joined []atoll.Audience `json:"joined,omitempty"`
	// Digest is digest.Sum.Short of everything that the centre has for the site at
	// Position: of the audiences that are covered from here on, joined as they are. A
	// site whose own is another compares (R-H-44). Empty when the centre does not say.
	Digest string `json:"hash,omitempty"`
}

// End ends an answer.
type End struct {
	// Cursor is the position up to which the normal flow was read; it may be above
	// the last record's.
	Cursor    atoll.Position `json:"cursor"`
	Backfills []Backfill     `json:"backfills,omitempty"`
	// Head is the centre's newest position, for showing progress.
	Head atoll.Position `json:"head"`
	// More says that the feed holds more for the site now.
	More bool `json:"more,omitempty"`
}

func (Welcome) frame()      {}
func (Receipt) frame()      {}
func (Subscription) frame() {}
func (Record) frame()       {}
func (Checkpoint) frame()   {}
func (End) frame()          {}

// Gate lets sites in: enrolment by one-time code, then sign-in with the site's
// own key. The centre implements it; package wire carries it.
type Gate interface {
	// Enrol trades a one-time code for a place in the system. It checks, in this
	// order and with these codes: the site (SiteUnknown), a lock after too many wrong
	// codes (SiteLocked), the code (SiteSecret), the device (SiteDevice), the protocol
	// (OldProtocol), the texts and the key (TooLarge, Invalid), the site's state
	// (SiteNoStore) (R-H-10, R-H-15). Only success uses the code up.
	Enrol(ctx context.Context, e Enrolment) (Enrolled, error)

	// Challenge returns a nonce that SignIn must sign; it is good once and for a
	// minute.
	Challenge(ctx context.Context, site atoll.SiteID) (string, error)

	// SignIn trades a signature for a token.
	SignIn(ctx context.Context, s SignIn) (Token, error)

	// Authenticate returns the site that holds the token, or atoll.SignIn. The
	// token opens nothing but the exchange (R-K-27).
	Authenticate(ctx context.Context, token string) (atoll.SiteID, error)
}

// Enrolment asks for a place.
type Enrolment struct {
	Site     string `json:"site"` // the site's name; may be empty, the code then says which
	Code     string `json:"code"`
	Key      []byte `json:"key"` // the site's public key, ed25519
	Device   string `json:"device"`
	Protocol int    `json:"protocol"`
	App      string `json:"app"`
}

// Enrolled is the answer: who the site is from now on.
type Enrolled struct {
	Site   atoll.SiteID   `json:"site"`
	Name   string         `json:"name"`
	Centre atoll.Timeline `json:"centre"`
	System atoll.ID       `json:"system"` // identity of the whole system; never changes
}

// SignIn asks for a token.
type SignIn struct {
	Site      atoll.SiteID `json:"site"`
	Nonce     string       `json:"nonce"`
	Signature []byte       `json:"signature"` // over SignedText
	Device    string       `json:"device"`
}

// SignedText is what a site signs to sign in: it binds the signature to this
// system, this site, this device and this nonce.
func SignedText(system atoll.ID, site atoll.SiteID, device, nonce string) []byte {
	return []byte(strings.Join([]string{"atoll sign-in 1", string(system), site.String(), device, nonce}, "\n"))
}

// Verify reports whether the signature is the key's over the text.
func Verify(key, text, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && len(signature) == ed25519.SignatureSize &&
		ed25519.Verify(key, text, signature)
}

// Token is a short-lived credential of a site.
type Token struct {
	Token   string        `json:"token"`
	Expires time.Duration `json:"expires"` // from now on, in nanoseconds
}

// Report is what package wire tells of one request it carried, for the request
// log (R-K-29) and the sync log.
type Report struct {
	Site     atoll.SiteID
	Cycle    string // what the request is part of; see CycleOf
	Route    string
	Entries  int
	Records  int
	Received int64 // bytes on the wire, after compression
	Sent     int64
	Status   int
	Code     atoll.Code // of the error, if any
	Took     time.Duration
}
