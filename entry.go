package atoll

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Limits on one journal entry, checked before it is parsed.
const (
	MaxEntry      = 8 << 20 // bytes of one encoded entry
	MaxOperations = 20000   // operations in one entry
	maxLabel      = 200     // bytes of an actor or a cause
)

// Verb says what an operation does to its record.
type Verb string

// The verbs. Delete leaves a tombstone. Restate carries a record's whole state
// at the version it already has: a resync after data was withheld or lost.
const (
	Insert  Verb = "insert"
	Update  Verb = "update"
	Delete  Verb = "delete"
	Restate Verb = "restate"
)

// Verbs lists every verb.
var Verbs = []Verb{Insert, Update, Delete, Restate}

// Operation is the change of one record inside one entry. An entry has at most
// one operation for each record.
type Operation struct {
	Verb Verb
	Key
	// Version is the record's version after the operation.
	Version uint64
	// Base is the origin of the version that was changed; the zero Origin for an
	// insert. It is how a reader notices that two histories have parted.
	Base Origin
	// Epoch is the ownership epoch the writer believed in: of the store, the
	// patient's home store or the delegation that makes it the owner. Zero where
	// ownership cannot move.
	Epoch uint64
	// Stays marks data that does not leave its site: local data, and data of a
	// store whose data is kept at its site (R-B-76, R-B-80, R-B-92). Only the
	// operation's digest goes up.
	Stays bool
	// Fields are all fields for an insert or restate, the changed ones for an
	// update (null means cleared), none for a delete.
	Fields Fields
	// Withheld is set on operations that arrived as a digest only; the others
	// fields are then empty.
	Withheld Hash
}

// Cause says why an entry was made: by whom is the actor.
type Cause struct {
	// Kind is "user", "import", "process/<processor>", "merge", "unmerge", "resync" or
	// "repair".
	Kind string `json:"kind"`
	// Ref names what it answers, such as the key of an initiating document.
	Ref string `json:"ref,omitempty"`
}

// Entry is one transaction in a site's journal (rule 2 of the design): the unit
// of push, of acknowledgement, of atomicity and of audit.
type Entry struct {
	Site     SiteID
	Timeline Timeline
	// Seq is the entry's place in its site's journal: 1, 2, 3 …, without gaps.
	Seq uint64
	// Time is the site's clock when the entry was made, to the millisecond. It is
	// recorded and decides nothing (R-A-20).
	Time  time.Time
	Actor string
	Cause Cause
	// Catalogue is the version of the catalogue the entry was made under.
	Catalogue  int
	Operations []Operation
	// Withheld is set when the whole entry stays at its site: only its digest
	// travels, and Time, Actor, Cause and Operations are empty.
	Withheld Hash
}

// Hash is a SHA-256 digest. Its text form is 64 lower-case hexadecimal digits.
type Hash [32]byte

// String returns the hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether the hash was never set.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText writes the hexadecimal digits; nothing for the zero hash.
func (h Hash) MarshalText() ([]byte, error) {
	if h.IsZero() {
		return nil, nil
	}
	return []byte(h.String()), nil
}

// UnmarshalText reads 64 hexadecimal digits, or nothing for the zero hash.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*h = Hash{}
		return nil
	}
	if len(b) != 64 {
		return Errorf(Invalid, "hash %.80q: want 64 hexadecimal digits", b)
	}
	if _, err := hex.Decode(h[:], b); err != nil || h.String() != string(b) {
		*h = Hash{}
		return Errorf(Invalid, "hash %.80q: want 64 lower-case hexadecimal digits", b)
	}
	return nil
}

// header and line are the two shapes of a line in an encoded entry.
type header struct {
	Time      int64  `json:"time"` // milliseconds since 1970
	Actor     string `json:"actor"`
	Cause     Cause  `json:"cause"`
	Catalogue int    `json:"catalogue"`
}

type withheld struct {
	Withheld Hash `json:"withheld"`
}

type line struct {
	Verb     Verb            `json:"verb,omitempty"`
	Type     Type            `json:"type,omitempty"`
	ID       ID              `json:"id,omitempty"`
	Version  uint64          `json:"version,omitempty"`
	Base     Origin          `json:"base,omitzero"`
	Epoch    uint64          `json:"epoch,omitempty"`
	Stays    bool            `json:"stays,omitempty"`
	Fields   json.RawMessage `json:"fields,omitempty"`
	Withheld Hash            `json:"withheld,omitzero"`
}

// Encode returns the canonical bytes of the entry's content: a line for the
// header and a line for each operation, each line one JSON object. These are the
// bytes that are stored, sent and hashed; the entry's site, timeline and
// position travel beside them.
func (e *Entry) Encode() []byte {
	if !e.Withheld.IsZero() {
		return encodeWithheld(nil, e.Withheld)
	}
	h := header{Time: e.Time.UnixMilli(), Actor: e.Actor, Cause: e.Cause, Catalogue: e.Catalogue}
	b := h.append(make([]byte, 0, e.size()))
	for i := range e.Operations {
		b = append(b, '\n')
		b = e.Operations[i].append(b)
	}
	return b
}

// size is about how many bytes the entry's content has, not less.
func (e *Entry) size() int {
	n := 128 + len(e.Actor) + len(e.Cause.Kind) + len(e.Cause.Ref)
	for i := range e.Operations {
		n += 192
		for name, value := range e.Operations[i].Fields {
			n += len(name) + len(value) + 4
		}
	}
	return n
}

// append writes the header as encoding/json does.
func (h *header) append(b []byte) []byte {
	if !isPlain(h.Actor) || !isPlain(h.Cause.Kind) || !isPlain(h.Cause.Ref) {
		j, _ := json.Marshal(h)
		return append(b, j...)
	}
	b = strconv.AppendInt(append(b, `{"time":`...), h.Time, 10)
	b = append(append(b, `,"actor":"`...), h.Actor...)
	b = append(append(b, `","cause":{"kind":"`...), h.Cause.Kind...)
	if h.Cause.Ref != "" {
		b = append(append(b, `","ref":"`...), h.Cause.Ref...)
	}
	b = strconv.AppendInt(append(b, `"},"catalogue":`...), int64(h.Catalogue), 10)
	return append(b, '}')
}

// isPlain reports whether encoding/json writes the text as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func encodeWithheld(b []byte, h Hash) []byte {
	b = append(b, `{"withheld":"`...)
	b = append(b, h.String()...)
	return append(b, `"}`...)
}

func (o *Operation) append(b []byte) []byte {
	if !o.Withheld.IsZero() {
		return encodeWithheld(b, o.Withheld)
	}
	b = append(b, `{"verb":"`...)
	b = append(b, o.Verb...)
	b = append(b, `","type":"`...)
	b = append(b, o.Type...)
	b = append(b, `","id":"`...)
	b = append(b, o.ID...)
	b = append(b, `","version":`...)
	b = strconv.AppendUint(b, o.Version, 10)
	if o.Base != (Origin{}) {
		b = append(b, `,"base":"`...)
		b = append(b, o.Base.String()...)
		b = append(b, '"')
	}
	if o.Epoch != 0 {
		b = append(b, `,"epoch":`...)
		b = strconv.AppendUint(b, o.Epoch, 10)
	}
	if o.Stays {
		b = append(b, `,"stays":true`...)
	}
	if o.Verb != Delete {
		b = append(b, `,"fields":`...)
		b = o.Fields.append(b)
	}
	return append(b, '}')
}

// DecodeEntry reads the content of an entry. Site, timeline and position are
// left for the caller to set. The bytes must be exactly what [Entry.Encode]
// would write, so that one entry has one digest. It fails with [Invalid] or
// [TooLarge].
func DecodeEntry(b []byte) (*Entry, error) {
	if len(b) > MaxEntry {
		return nil, Errorf(TooLarge, "an entry has %d bytes; the limit is %d", len(b), MaxEntry)
	}
	lines := bytes.Split(b, []byte{'\n'})
	if len(lines)-1 > MaxOperations {
		return nil, Errorf(TooLarge, "an entry has %d operations; the limit is %d", len(lines)-1, MaxOperations)
	}
	if h, ok := decodeWithheld(lines[0]); ok {
		if !bytes.Equal(encodeWithheld(nil, h), b) {
			return nil, Errorf(Invalid, "a withheld entry is not in its canonical form")
		}
		return &Entry{Withheld: h}, nil
	}
	var h header
	if !h.plain(lines[0]) {
		if err := strict(lines[0], &h); err != nil {
			return nil, Errorf(Invalid, "an entry's header cannot be read: %w", err)
		}
	}
	if len(h.Actor) > maxLabel || len(h.Cause.Kind) > maxLabel || len(h.Cause.Ref) > maxLabel {
		return nil, Errorf(TooLarge, "an entry's actor or cause is longer than %d bytes", maxLabel)
	}
	e := &Entry{Time: time.UnixMilli(h.Time).UTC(), Actor: h.Actor, Cause: h.Cause, Catalogue: h.Catalogue}
	e.Operations = make([]Operation, 0, len(lines)-1)
	seen := make(map[Key]bool, len(lines)-1)
	for i, l := range lines[1:] {
		o, err := decodeOperation(l)
		if err != nil {
			return nil, Errorf(Invalid, "operation %d: %w", i+1, err)
		}
		if o.Withheld.IsZero() {
			if seen[o.Key] {
				return nil, Errorf(Invalid, "operation %d: %s is changed twice in one entry", i+1, o.Key)
			}
			seen[o.Key] = true
		}
		e.Operations = append(e.Operations, o)
	}
	if len(e.Operations) == 0 {
		return nil, Errorf(Invalid, "an entry without operations")
	}
	if !bytes.Equal(e.Encode(), b) {
		return nil, Errorf(Invalid, "an entry is not in its canonical form")
	}
	return e, nil
}

func decodeOperation(b []byte) (Operation, error) {
	var l line
	if !l.plain(b) {
		l = line{}
		if err := strict(b, &l); err != nil {
			return Operation{}, err
		}
	}
	if !l.Withheld.IsZero() {
		return Operation{Withheld: l.Withheld}, nil
	}
	o := Operation{Verb: l.Verb, Key: Key{l.Type, l.ID}, Version: l.Version, Base: l.Base, Epoch: l.Epoch, Stays: l.Stays}
	switch {
	case !o.ID.Valid():
		return o, Errorf(Invalid, "%q is not the id of a record", l.ID)
	case o.Version == 0 || o.Version > 1<<62:
		return o, Errorf(Invalid, "%s: version %d", o.Key, o.Version)
	}
	switch o.Verb {
	case Insert, Update, Restate:
		f, err := ParseFields(l.Fields)
		if err != nil {
			return o, err
		}
		o.Fields = f
	case Delete:
		if l.Fields != nil {
			return o, Errorf(Invalid, "%s: a delete carries no fields", o.Key)
		}
	default:
		return o, Errorf(Invalid, "%s: unknown verb %.20q", o.Key, l.Verb)
	}
	return o, nil
}

// plain reads a line as it is usually written, without taking JSON apart: members
// in their order, texts without escapes. It reports whether it could; what it
// cannot read may still be a good line.
func (l *line) plain(b []byte) bool {
	p := plain{b, true}
	if !p.member(`{"verb":"`) {
		return false
	}
	l.Verb = Verb(p.text())
	if !p.ok || !p.member(`,"type":"`) {
		return false
	}
	l.Type = Type(p.text())
	if !p.ok || !p.member(`,"id":"`) {
		return false
	}
	l.ID = ID(p.text())
	if !p.ok || !p.member(`,"version":`) {
		return false
	}
	l.Version = p.digits()
	if p.ok && p.member(`,"base":"`) {
		base, err := ParseOrigin(p.text())
		l.Base, p.ok = base, p.ok && err == nil
	}
	if p.ok && p.member(`,"epoch":`) {
		l.Epoch = p.digits()
	}
	if p.ok && p.member(`,"stays":true`) {
		l.Stays = true
	}
	if p.ok && p.member(`,"fields":`) {
		n := len(p.rest) - 1
		if n < 2 {
			return false
		}
		// Whether it is an object is looked at with every body.
		l.Fields, p.rest = json.RawMessage(p.rest[:n]), p.rest[n:]
	}
	return p.ok && string(p.rest) == "}"
}

// plain reads a header, as it does a line.
func (h *header) plain(b []byte) bool {
	p := plain{b, true}
	var read header
	if !p.member(`{"time":`) {
		return false
	}
	milliseconds := p.digits()
	if read.Time = int64(milliseconds); !p.ok || read.Time < 0 || !p.member(`,"actor":"`) {
		return false
	}
	read.Actor = p.text()
	if !p.ok || !p.member(`,"cause":{"kind":"`) {
		return false
	}
	read.Cause.Kind = p.text()
	if p.ok && p.member(`,"ref":"`) {
		read.Cause.Ref = p.text()
	}
	if !p.ok || !p.member(`},"catalogue":`) {
		return false
	}
	read.Catalogue = int(p.digits())
	if !p.ok || read.Catalogue < 0 || string(p.rest) != "}" {
		return false
	}
	*h = read
	return true
}

// plain reads JSON that is written plainly, from its beginning.
type plain struct {
	rest []byte
	ok   bool // so far
}

func (p *plain) member(name string) bool {
	rest, found := bytes.CutPrefix(p.rest, []byte(name))
	if found {
		p.rest = rest
	}
	return found
}

func (p *plain) text() string {
	end := bytes.IndexByte(p.rest, '"')
	if end < 0 {
		p.ok = false
		return ""
	}
	s := p.rest[:end]
	for _, c := range s {
		p.ok = p.ok && c >= ' ' && c < 0x7f && c != '\\'
	}
	p.rest = p.rest[end+1:]
	return string(s)
}

func (p *plain) digits() uint64 {
	n := 0
	for n < len(p.rest) && p.rest[n] >= '0' && p.rest[n] <= '9' {
		n++
	}
	v, err := strconv.ParseUint(string(p.rest[:n]), 10, 64)
	p.ok = p.ok && err == nil && (p.rest[0] != '0' || n == 1)
	p.rest = p.rest[n:]
	return v
}

func decodeWithheld(b []byte) (Hash, bool) {
	var w withheld
	if !bytes.HasPrefix(b, []byte(`{"withheld":"`)) || strict(b, &w) != nil {
		return Hash{}, false
	}
	return w.Withheld, !w.Withheld.IsZero()
}

func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.InputOffset() != int64(len(b)) {
		return Errorf(Invalid, "something after the end of a line")
	}
	return nil
}

// Digest returns the digest of an entry's encoded content. Operations count by
// their own digests, so that an operation that stays at its site can be replaced
// by its digest without changing the entry's.
func Digest(encoded []byte) Hash {
	lines := bytes.Split(encoded, []byte{'\n'})
	if h, ok := decodeWithheld(lines[0]); ok && len(lines) == 1 {
		return h
	}
	d := sha256.New()
	for _, l := range lines {
		h, ok := decodeWithheld(l)
		if !ok {
			h = sha256.Sum256(l)
		}
		d.Write(h[:])
	}
	return Hash(d.Sum(nil))
}

// Chain returns the hash of the entry at (site, timeline, seq) whose content has
// the digest, given the hash of the entry before it (the zero hash for the
// first).
func Chain(prev Hash, site SiteID, timeline Timeline, seq uint64, digest Hash) Hash {
	d := sha256.New()
	d.Write([]byte("atoll journal 1\n"))
	d.Write(prev[:])
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(site))
	binary.BigEndian.PutUint64(n[8:], seq)
	d.Write(n[:])
	d.Write([]byte(timeline))
	d.Write(digest[:])
	return Hash(d.Sum(nil))
}

// Outgoing returns the encoded content as it leaves its site: operations that
// stay are replaced by their digests, and an entry of which everything stays by
// its own. It returns encoded itself when nothing stays.
func Outgoing(encoded []byte) []byte {
	if !bytes.Contains(encoded, []byte(`,"stays":true`)) {
		return encoded
	}
	lines := bytes.Split(encoded, []byte{'\n'})
	kept := 0
	for i, l := range lines[1:] {
		var op line
		if strict(l, &op) != nil || !op.Stays {
			kept++
			continue
		}
		lines[i+1] = encodeWithheld(nil, sha256.Sum256(l))
	}
	if kept == 0 {
		return encodeWithheld(nil, Digest(encoded))
	}
	return bytes.Join(lines, []byte{'\n'})
}

// Head is the end of one site's journal as some database knows it. The zero Head
// is that of an empty journal.
type Head struct {
	Timeline Timeline `json:"timeline"`
	Seq      uint64   `json:"seq"`
	Hash     Hash     `json:"hash"`
}
