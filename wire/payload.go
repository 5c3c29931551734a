package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// maxText bounds the short texts of a Hello, and of a record's line.
const maxText = exchange.MaxText

func encodeHello(h *exchange.Hello) ([]byte, error) { return marshal(h) }

// decodeHello reads a Hello. Members it does not know are from a newer site and
// are passed over (R-K-62); what it does know is bounded (R-K-58). Whether it
// makes sense is for the centre to say.
func decodeHello(b []byte) (exchange.Hello, error) {
	var h exchange.Hello
	if err := unmarshal(b, &h); err != nil {
		return h, err
	}
	for name, s := range map[string]string{
		"catalogue_hash": h.CatalogueHash, "app": h.App, "device": h.Device, "timeline": string(h.Timeline),
		"nonce": h.Nonce, "acknowledged": string(h.Acknowledged.Timeline), "head": string(h.Head.Timeline),
		"centre": string(h.Centre), "run": h.Run, "subscription": h.Subscription,
	} {
		if len(s) > maxText {
			return h, atoll.Errorf(atoll.TooLarge, "the text has %d bytes; the limit is %d", len(s), maxText).On(name)
		}
	}
	if err := boundFound(&h); err != nil {
		return h, err
	}
	if h.Base != nil && len(h.Base.Timeline) > maxText {
		return h, atoll.Errorf(atoll.TooLarge, "the text has %d bytes; the limit is %d", len(h.Base.Timeline), maxText).On("base")
	}
	if len(h.Earlier) > exchange.MaxEarlier {
		return h, atoll.Errorf(atoll.TooLarge, "%d earlier timelines; the limit is %d", len(h.Earlier), exchange.MaxEarlier).On("earlier")
	}
	for _, e := range h.Earlier {
		if len(e.Timeline) > maxText {
			return h, atoll.Errorf(atoll.TooLarge, "the text has %d bytes; the limit is %d", len(e.Timeline), maxText).On("earlier")
		}
	}
	for name, n := range map[string]int{
		"protocol": h.Protocol, "catalogue": h.Catalogue, "site": int(h.Site) - 1, "records": h.Records,
		"bytes": h.Bytes, "waiting": h.Waiting, "errors": h.Errors,
	} {
		if n < 0 {
			return h, atoll.Errorf(atoll.Invalid, "the number is too small").On(name)
		}
	}
	if len(h.Backfills) > exchange.MaxBackfills {
		return h, atoll.Errorf(atoll.TooLarge, "%d audiences are read at once; the limit is %d", len(h.Backfills), exchange.MaxBackfills).On("backfills")
	}
	if len(h.Queued) > exchange.MaxAudiences {
		return h, atoll.Errorf(atoll.TooLarge, "%d numbers of audiences; the limit is %d", len(h.Queued), exchange.MaxAudiences).On("queued")
	}
	for _, f := range h.Backfills {
		if len(f.Audience) > maxText || f.Audience == "" {
			return h, atoll.Errorf(atoll.Invalid, "an audience has %d bytes", len(f.Audience)).On("backfills")
		}
	}
	return h, nil
}

// boundFound bounds what a Hello tells after the centre was restored.
func boundFound(h *exchange.Hello) error {
	if h.Voucher != nil && len(h.Voucher.Mark) > maxText {
		return atoll.Errorf(atoll.TooLarge, "the text has %d bytes; the limit is %d", len(h.Voucher.Mark), maxText).On("voucher")
	}
	if len(h.Found) > exchange.MaxFound {
		return atoll.Errorf(atoll.TooLarge, "%d records were found; the limit is %d", len(h.Found), exchange.MaxFound).On("found")
	}
	bytes := 0
	for _, f := range h.Found {
		if len(f.Type) > maxText || len(f.ID) > maxText {
			return atoll.Errorf(atoll.TooLarge, "type or id of a record is longer than %d bytes", maxText).On("found")
		}
		bytes += len(f.Body)
	}
	if bytes > exchange.MaxFoundBytes {
		return atoll.Errorf(atoll.TooLarge, "the records found have %d bytes; the limit is %d", bytes, exchange.MaxFoundBytes).On("found")
	}
	return nil
}

// An entry's payload is its position and then its content as it is: what the
// journal's hashes are over.
func entryHead(seq uint64) []byte { return binary.AppendUvarint(nil, seq) }

func decodeEntry(b []byte) (exchange.Entry, error) {
	seq, n := binary.Uvarint(b)
	if n <= 0 || seq == 0 || (n > 1 && b[n-1] == 0) || n == len(b) {
		return exchange.Entry{}, atoll.Errorf(atoll.Invalid, "an entry frame without position or content")
	}
	return exchange.Entry{Seq: seq, Content: b[n:]}, nil
}

// done ends a request: how many entries it had.
type done struct {
	Entries int `json:"entries"`
}

// The record flags, in the order in which they are written.
const (
	flagDeleted = 'd'
	flagGone    = 'g'
	flagForced  = 'f'
)

// encodeRecordHead writes the line before a record's body:
//
//	position version origin flags type id [lane]
//
// with one space between and "-" for no origin or no flags.
func encodeRecordHead(r *exchange.Record) ([]byte, error) {
	if !plain(string(r.Key.Type)) || !plain(string(r.Key.ID)) || (r.Lane != "" && !plain(string(r.Lane))) {
		return nil, atoll.Errorf(atoll.Invalid, "a record's type, id or lane cannot be sent").About(r.Key)
	}
	b := make([]byte, 0, 128)
	b = strconv.AppendUint(b, uint64(r.Position), 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, r.Version, 10)
	b = append(b, ' ')
	if r.Origin == (atoll.Origin{}) {
		b = append(b, '-')
	} else {
		b = append(b, r.Origin.String()...)
	}
	b = append(b, ' ')
	n := len(b)
	for _, f := range []struct {
		set  bool
		flag byte
	}{{r.Deleted, flagDeleted}, {r.Gone, flagGone}, {r.Forced, flagForced}} {
		if f.set {
			b = append(b, f.flag)
		}
	}
	if len(b) == n {
		b = append(b, '-')
	}
	b = append(b, ' ')
	b = append(b, r.Key.Type...)
	b = append(b, ' ')
	b = append(b, r.Key.ID...)
	if r.Lane != "" {
		b = append(b, ' ')
		b = append(b, r.Lane...)
	}
	return append(b, '\n'), nil
}

// plain reports whether s can stand in a record's line.
func plain(s string) bool {
	return s != "" && len(s) <= maxText && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func decodeRecord(b []byte) (exchange.Record, error) {
	var r exchange.Record
	head, body, ok := bytes.Cut(b, []byte{'\n'})
	f := strings.Split(string(head), " ")
	if !ok || len(f) < 6 || len(f) > 7 {
		return r, errFrame("a record without its line")
	}
	position, err1 := strconv.ParseUint(f[0], 10, 64)
	version, err2 := strconv.ParseUint(f[1], 10, 64)
	if err1 != nil || err2 != nil {
		return r, errFrame("a record without position or version")
	}
	r.Position, r.Version = atoll.Position(position), version
	if f[2] != "-" {
		origin, err := atoll.ParseOrigin(f[2])
		if err != nil {
			return r, errFrame("a record without origin")
		}
		r.Origin = origin
	}
	if f[3] != "-" {
		for _, c := range []byte(f[3]) {
			switch c {
			case flagDeleted:
				r.Deleted = true
			case flagGone:
				r.Gone = true
			case flagForced:
				r.Forced = true
			default:
				return r, errFrame("a record with an unknown flag")
			}
		}
	}
	r.Key = atoll.Key{Type: atoll.Type(f[4]), ID: atoll.ID(f[5])}
	if len(f) == 7 {
		r.Lane = atoll.Audience(f[6])
	}
	if len(body) > 0 {
		r.Body = body
	}
	// One record has one encoding: what would not be written is not read.
	again, err := encodeRecordHead(&r)
	if err != nil || !bytes.Equal(again, b[:len(head)+1]) {
		return r, errFrame("a record's line is not in its canonical form")
	}
	return r, nil
}

// A welcome that says what the site said is the usual one, and a third of an idle
// exchange would be hashes that both ends know. So a member is left out when it
// equals the Hello's: known is compared with acknowledged.
type welcome struct {
	Protocol      *int            `json:"protocol,omitempty"`
	Catalogue     *int            `json:"catalogue,omitempty"`
	CatalogueHash *string         `json:"catalogue_hash,omitempty"`
	App           *string         `json:"app,omitempty"`
	Centre        *atoll.Timeline `json:"centre,omitempty"`
	Clock         int64           `json:"clock"`
	Known         *atoll.Head     `json:"known,omitempty"`
	Run           *string         `json:"run,omitempty"`
	Runs          []exchange.Run  `json:"runs,omitempty"`
	Rewind        *atoll.Position `json:"rewind,omitempty"`
	Orders        []string        `json:"orders,omitempty"`

	Since   uint64            `json:"since,omitempty"`
	Voucher *exchange.Voucher `json:"voucher,omitempty"`
	Found   int               `json:"found,omitempty"`
	Spared  int64             `json:"spared,omitempty"`
}

func unless[T comparable](v, same T) *T {
	if v == same {
		return nil
	}
	return &v
}

func or[T any](p *T, same T) T {
	if p == nil {
		return same
	}
	return *p
}

func encodeWelcome(w *exchange.Welcome, h *exchange.Hello) ([]byte, error) {
	return marshal(welcome{
		Protocol: unless(w.Protocol, h.Protocol), Catalogue: unless(w.Catalogue, h.Catalogue),
		CatalogueHash: unless(w.CatalogueHash, h.CatalogueHash), App: unless(w.App, h.App),
		Centre: unless(w.Centre, h.Centre), Clock: w.Clock, Known: unless(w.Known, h.Acknowledged),
		Run: unless(w.Run, h.Run), Runs: w.Runs, Rewind: w.Rewind, Orders: w.Orders,
		Since: w.Since, Voucher: w.Voucher, Found: w.Found, Spared: w.Spared,
	})
}

func decodeWelcome(b []byte, h *exchange.Hello) (exchange.Welcome, error) {
	var w welcome
	if err := unmarshal(b, &w); err != nil {
		return exchange.Welcome{}, err
	}
	return exchange.Welcome{
		Protocol: or(w.Protocol, h.Protocol), Catalogue: or(w.Catalogue, h.Catalogue),
		CatalogueHash: or(w.CatalogueHash, h.CatalogueHash), App: or(w.App, h.App),
		Centre: or(w.Centre, h.Centre), Clock: w.Clock, Known: or(w.Known, h.Acknowledged),
		Run: or(w.Run, h.Run), Runs: w.Runs, Rewind: w.Rewind, Orders: w.Orders,
		Since: w.Since, Voucher: w.Voucher, Found: w.Found, Spared: w.Spared,
	}, nil
}

// receipt is exchange.Receipt with what is usual left out: acknowledged when it
// is the Hello's head, counts when they are zero.
type receipt struct {
	Acknowledged *atoll.Head        `json:"acknowledged,omitempty"`
	Offered      int                `json:"offered,omitempty"`
	Applied      int                `json:"applied,omitempty"`
	Duplicate    int                `json:"duplicate,omitempty"`
	Quarantined  int                `json:"quarantined,omitempty"`
	Refusals     []exchange.Refusal `json:"refusals,omitempty"`
	Open         int                `json:"open,omitempty"`
}

func encodeReceipt(r *exchange.Receipt, h *exchange.Hello) ([]byte, error) {
	return marshal(receipt{unless(r.Acknowledged, h.Head), r.Offered, r.Applied, r.Duplicate, r.Quarantined, r.Refusals, r.Open})
}

func decodeReceipt(b []byte, h *exchange.Hello) (exchange.Receipt, error) {
	var r receipt
	if err := unmarshal(b, &r); err != nil {
		return exchange.Receipt{}, err
	}
	return exchange.Receipt{
		Acknowledged: or(r.Acknowledged, h.Head), Offered: r.Offered, Applied: r.Applied, Duplicate: r.Duplicate,
		Quarantined: r.Quarantined, Refusals: r.Refusals, Open: r.Open,
	}, nil
}

// writeFrame writes one frame of an answer to h.
func writeFrame(w *frameWriter, f exchange.Frame, h *exchange.Hello) error {
	var kind Kind
	var b []byte
	var err error
	switch f := f.(type) {
	case exchange.Record:
		head, err := encodeRecordHead(&f)
		if err != nil {
			return err
		}
		return w.write(KindRecord, head, f.Body)
	case exchange.Welcome:
		kind = KindWelcome
		b, err = encodeWelcome(&f, h)
	case exchange.Receipt:
		kind = KindReceipt
		b, err = encodeReceipt(&f, h)
	case exchange.Subscription:
		kind = KindSubscription
		b, err = marshal(f)
	case exchange.Checkpoint:
		kind = KindCheckpoint
		b, err = marshal(f)
	case exchange.End:
		kind = KindEnd
		b, err = marshal(f)
	default:
		return atoll.Errorf(atoll.Internal, "a frame of type %T", f)
	}
	if err != nil {
		return err
	}
	return w.write(kind, b)
}

// readFrame decodes one frame of an answer to h. A Problem is returned as the
// error it carries.
func readFrame(kind Kind, b []byte, h *exchange.Hello) (exchange.Frame, error) {
	switch kind {
	case KindRecord:
		return decodeRecord(b)
	case KindWelcome:
		return decodeWelcome(b, h)
	case KindReceipt:
		return decodeReceipt(b, h)
	case KindSubscription:
		var f exchange.Subscription
		err := unmarshal(b, &f)
		if len(f.Audiences) > exchange.MaxAudiences {
			err = atoll.Errorf(atoll.TooLarge, "a subscription to %d audiences; the limit is %d", len(f.Audiences), exchange.MaxAudiences)
		}
		return f, err
	case KindCheckpoint:
		var f exchange.Checkpoint
		err := unmarshal(b, &f)
		return f, err
	case KindEnd:
		var f exchange.End
		err := unmarshal(b, &f)
		return f, err
	case KindProblem:
		p, err := parseProblem(b)
		if err != nil {
			return nil, errFrame("a problem that cannot be read")
		}
		return nil, p.error()
	default:
		return nil, errFrame("a frame that belongs in no answer")
	}
}

func marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, atoll.Errorf(atoll.Internal, "%T cannot be written: %w", v, err)
	}
	return b, nil
}

func unmarshal(b []byte, into any) error {
	if !utf8.Valid(b) {
		return atoll.Errorf(atoll.Invalid, "the message is not UTF-8 text")
	}
	if err := json.Unmarshal(b, into); err != nil {
		return atoll.Errorf(atoll.Invalid, "the message cannot be read: %w", err)
	}
	return nil
}
