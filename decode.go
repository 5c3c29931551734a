package atoll

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

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
	o := Operation{Verb: l.Verb, Key: Key{l.Type, l.ID}, Version: l.Version, Base: l.Base, Epoch: l.Epoch, Stays: l.Stays, Deleted: l.Deleted}
	switch {
	case !o.ID.Valid():
		return o, Errorf(Invalid, "%q is not the id of a record", l.ID)
	case o.Version == 0 || o.Version > 1<<62:
		return o, Errorf(Invalid, "%s: version %d", o.Key, o.Version)
	case o.Deleted && o.Verb != Restate:
		return o, Errorf(Invalid, "%s: only a restatement says that a record was deleted before", o.Key)
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
	if p.ok && p.member(`,"deleted":true`) {
		l.Deleted = true
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
