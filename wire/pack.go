package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// Packed entries: a line of an entry as what differs from a like one that both
// ends have seen. Lines of one kind differ in their values only, and most of the
// values are numbers, dates and ids that are shorter in binary, or came before.

const (
	maxLearned = 8 << 10  // bytes of entries of one request; of more, nothing is remembered
	maxPacked  = 64 << 10 // bytes of entries out of one packed frame
	maxShapes  = 8        // lines remembered, one of each shape
	maxLine    = 2 << 10  // bytes of a line that is remembered
	maxValues  = 128      // values remembered
	minValue   = 12       // bytes of a text that is, without its quotes …
	mostValue  = 79
)

// vocabulary is what both ends remember of a site's entries: the last line of each
// shape, and the last ids and longer texts, the latest first.
type vocabulary struct {
	digest [32]byte // of all that was learned, in order: both ends have the same
	lines  []string
	values []string // literals, with their quotes
}

func (v *vocabulary) clone() *vocabulary {
	return &vocabulary{v.digest, slices.Clone(v.lines), slices.Clone(v.values)}
}

// learn takes in the entries of a request that was answered; too many of them are
// too much, and everything is forgotten.
func (v *vocabulary) learn(contents [][]byte, all bool) {
	if !all {
		*v = vocabulary{}
		return
	}
	h := sha256.New()
	h.Write(v.digest[:])
	for _, c := range contents {
		h.Write(c)
		for l := range bytes.SplitSeq(c, []byte{'\n'}) {
			v.line(string(l))
		}
	}
	h.Sum(v.digest[:0])
}

// line takes in one line.
func (v *vocabulary) line(l string) {
	spots := literals(l)
	for _, s := range spots {
		lit := l[s.from:s.to]
		if _, is := uuidOf(lit); !is && (lit[0] != '"' || len(lit)-2 < minValue || len(lit)-2 > mostValue) {
			continue
		}
		i := slices.Index(v.values, lit)
		switch {
		case i >= 0:
		case len(v.values) < maxValues:
			v.values = append(v.values, "")
			i = len(v.values) - 1
		default:
			i = maxValues - 1
		}
		copy(v.values[1:i+1], v.values[:i])
		v.values[0] = strings.Clone(lit)
	}
	i := v.like(l, spots)
	if len(l) > maxLine {
		return
	}
	if i < 0 {
		if len(v.lines) < maxShapes {
			v.lines = append(v.lines, "")
		}
		i = len(v.lines) - 1
	}
	copy(v.lines[1:i+1], v.lines[:i])
	v.lines[0] = l
}

// like finds the remembered line of the same shape.
func (v *vocabulary) like(l string, spots []spot) int {
	return slices.IndexFunc(v.lines, func(k string) bool { return sameShape(l, spots, k, literals(k)) })
}

// spot is where in a line a value is: a text or a number.
type spot struct{ from, to int }

// literals are the values of a line of JSON. What is between them is its shape,
// names of members included.
func literals(l string) (out []spot) {
	for i := 0; i < len(l); {
		switch c := l[i]; {
		case c == '"':
			end := i + 1
			for end < len(l) && l[end] != '"' {
				if l[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(l))
			if end >= len(l) || l[end] != ':' {
				out = append(out, spot{i, end})
			}
			i = end
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(l) && strings.IndexByte("0123456789.eE+-", l[end]) >= 0 {
				end++
			}
			out = append(out, spot{i, end})
			i = end
		default:
			i++
		}
	}
	return out
}

func sameShape(a string, as []spot, b string, bs []spot) bool {
	if len(as) != len(bs) {
		return false
	}
	i, k := 0, 0
	for n := range as {
		if a[i:as[n].from] != b[k:bs[n].from] {
			return false
		}
		i, k = as[n].to, bs[n].to
	}
	return a[i:] == b[k:]
}

// The first byte of a packed value. Below valueUUID it is a place among the
// remembered values.
const (
	valueUUID    = 0x80 // … to 0x8f: it shares so many bytes with the one in the like line
	valueNumber  = 0x90 // … to 0x97: so many digits after the point
	valueMinus   = 0x98 // … to 0x9f
	valueStep    = 0xa0 // a whole number, as the difference to that in the like line
	valueDigits  = 0xa1 // a text that is a whole number
	valueDate    = 0xa2 // days since 2000
	valueMoment  = 0xa3 // seconds since 2000, in UTC
	valueLiteral = 0xa4 // as it is
	valueText    = 0xb0 // … to 0xff: a text of so many bytes
)

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const day = 24 * 60 * 60

// packValue writes a value; was is the one in the like line.
func (v *vocabulary) packValue(b []byte, lit, was string) []byte {
	if i := slices.Index(v.values, lit); i >= 0 {
		return append(b, byte(i))
	}
	if lit[0] == '"' {
		return packText(b, lit, was)
	}
	if n, ok := whole(lit); ok {
		if before, ok := whole(was); ok {
			if step := n - before; step > -1<<40 && step < 1<<40 {
				return binary.AppendVarint(append(b, valueStep), step)
			}
		}
	}
	kind, digits := byte(valueNumber), lit
	if lit[0] == '-' {
		kind, digits = valueMinus, lit[1:]
	}
	units, tenths, _ := strings.Cut(digits, ".")
	if n, err := strconv.ParseUint(units+tenths, 10, 63); err == nil && len(tenths) < 8 && numberText(kind+byte(len(tenths)), n) == lit {
		return binary.AppendUvarint(append(b, kind+byte(len(tenths))), n)
	}
	return packLiteral(b, lit)
}

func packText(b []byte, lit, was string) []byte {
	text := lit[1 : len(lit)-1]
	if id, ok := uuidOf(lit); ok {
		n := 0
		if before, ok := uuidOf(was); ok {
			for n < len(id)-1 && id[n] == before[n] {
				n++
			}
		}
		return append(append(b, valueUUID+byte(n)), id[n:]...)
	}
	if n, ok := whole(text); ok && n >= 0 {
		return binary.AppendUvarint(append(b, valueDigits), uint64(n))
	}
	for _, f := range []struct {
		tag    byte
		layout string
		unit   int64
	}{{valueDate, time.DateOnly, day}, {valueMoment, moment, 1}} {
		if len(text) != len(f.layout) {
			continue
		}
		if t, err := time.Parse(f.layout, text); err == nil && !t.Before(epoch) && t.Format(f.layout) == text {
			return binary.AppendUvarint(append(b, f.tag), uint64((t.Unix()-epoch.Unix())/f.unit))
		}
	}
	if len(text) <= 0xff-valueText {
		return append(append(b, valueText+byte(len(text))), text...)
	}
	return packLiteral(b, lit)
}

const moment = "2006-01-02T15:04:05Z"

func packLiteral(b []byte, lit string) []byte {
	return append(binary.AppendUvarint(append(b, valueLiteral), uint64(len(lit))), lit...)
}

// whole is a whole number that is written in the only way.
func whole(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

func numberText(tag byte, n uint64) string {
	s := strconv.FormatUint(n, 10)
	if k := int(tag & 7); k > 0 {
		for len(s) <= k {
			s = "0" + s
		}
		s = s[:len(s)-k] + "." + s[len(s)-k:]
	}
	if tag >= valueMinus {
		s = "-" + s
	}
	return s
}

// uuidOf is the id that a literal is.
func uuidOf(lit string) (id [16]byte, ok bool) {
	if len(lit) != 38 || lit[0] != '"' || lit[9] != '-' || lit[14] != '-' || lit[19] != '-' || lit[24] != '-' {
		return id, false
	}
	for i, at := range uuidDigits {
		high, low := digit(lit[at]), digit(lit[at+1])
		if high|low > 15 {
			return id, false
		}
		id[i] = high<<4 | low
	}
	return id, true
}

// uuidDigits are the places of an id's bytes in its literal.
var uuidDigits = [16]int{1, 3, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 29, 31, 33, 35}

// digit is the value of a hexadecimal digit, above 15 for what is none. Capitals are
// none: they would not come back as they were.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}

func uuidText(id []byte) string {
	b := [38]byte{0: '"', 9: '-', 14: '-', 19: '-', 24: '-', 37: '"'}
	for i, at := range uuidDigits {
		hex.Encode(b[at:at+2], id[i:i+1])
	}
	return string(b[:])
}

// unpackValue reads a value.
func (v *vocabulary) unpackValue(in *cutter, was string) string {
	tag := in.take(1)[0]
	switch {
	case tag < valueUUID:
		if int(tag) >= len(v.values) {
			in.ok = false
			return ""
		}
		return v.values[tag]
	case tag < valueNumber:
		n := int(tag - valueUUID)
		before, ok := uuidOf(was)
		in.ok = in.ok && (ok || n == 0)
		return uuidText(append(before[:n:n], in.take(16-n)...))
	case tag < valueStep:
		return numberText(tag, in.uvarint())
	case tag == valueStep:
		before, ok := whole(was)
		in.ok = in.ok && ok
		return strconv.FormatInt(before+in.varint(), 10)
	case tag == valueDigits:
		return `"` + strconv.FormatUint(in.uvarint(), 10) + `"`
	case tag == valueDate:
		return since(in.uvarint(), day, time.DateOnly)
	case tag == valueMoment:
		return since(in.uvarint(), 1, moment)
	case tag == valueLiteral:
		n := in.uvarint()
		if n > uint64(len(in.b)) {
			in.ok = false
			return ""
		}
		return string(in.take(int(n)))
	case tag >= valueText:
		return `"` + string(in.take(int(tag-valueText))) + `"`
	}
	in.ok = false
	return ""
}

// since is the time so many units of seconds after the epoch. (A duration ends after
// 292 years, and stock may be dated 9999.)
func since(n uint64, unit int64, layout string) string {
	const end = 1 << 40
	return `"` + time.Unix(epoch.Unix()+int64(min(n, end))*unit, 0).UTC().Format(layout) + `"`
}

// pack writes entries that follow each other, learning as it goes; nil when a line
// is like none that is known.
func (v *vocabulary) pack(entries []exchange.Entry) []byte {
	var b []byte
	for _, e := range entries {
		b = binary.AppendUvarint(b, uint64(bytes.Count(e.Content, []byte{'\n'})+1))
		for l := range strings.SplitSeq(string(e.Content), "\n") {
			spots := literals(l)
			i := v.like(l, spots)
			if i < 0 {
				return nil
			}
			was := v.lines[i]
			old := literals(was)
			b = append(b, byte(i))
			at := len(b)
			b = append(b, make([]byte, (len(spots)+7)/8)...)
			for n, s := range spots {
				lit, before := l[s.from:s.to], was[old[n].from:old[n].to]
				if lit != before {
					b[at+n/8] |= 1 << (n % 8)
					b = v.packValue(b, lit, before)
				}
			}
			v.line(l)
		}
	}
	return b
}

// unpack reads packed entries; the first has the number first.
func (v *vocabulary) unpack(b []byte, first uint64) ([]exchange.Entry, error) {
	wrong := errFrame("packed entries that cannot be read")
	in, total := cutter{b, true}, 0
	var out []exchange.Entry
	for len(in.b) > 0 && in.ok {
		var content []byte
		lines := in.uvarint()
		if lines == 0 || lines > uint64(len(in.b)) {
			return nil, wrong
		}
		for range lines {
			l, ok := v.unpackLine(&in)
			if total += len(l) + 1; !ok || total > maxPacked {
				return nil, wrong
			}
			if len(content) > 0 {
				content = append(content, '\n')
			}
			content = append(content, l...)
			v.line(l)
		}
		out = append(out, exchange.Entry{Seq: first + uint64(len(out)), Content: content})
	}
	if !in.ok || len(out) == 0 {
		return nil, wrong
	}
	return out, nil
}

func (v *vocabulary) unpackLine(in *cutter) (string, bool) {
	i := int(in.take(1)[0])
	if i >= len(v.lines) {
		return "", false
	}
	was := v.lines[i]
	old := literals(was)
	changed := in.take((len(old) + 7) / 8)
	var l strings.Builder
	from := 0
	for n, s := range old {
		l.WriteString(was[from:s.from])
		if from = s.to; changed[n/8]&(1<<(n%8)) != 0 {
			l.WriteString(v.unpackValue(in, was[s.from:s.to]))
		} else {
			l.WriteString(was[s.from:s.to])
		}
	}
	l.WriteString(was[from:])
	return l.String(), in.ok
}

// chained is the end of the journal after these entries.
func chained(h *exchange.Hello, entries []exchange.Entry) atoll.Head {
	head := atoll.Head{Timeline: h.Head.Timeline, Seq: h.Acknowledged.Seq, Hash: h.Acknowledged.Hash}
	for _, e := range entries {
		head.Seq++
		head.Hash = atoll.Chain(head.Hash, h.Site, h.Timeline, head.Seq, atoll.Digest(e.Content))
	}
	return head
}

// tight is the vocabulary as bytes, for there may be one of each site in memory.
func (v *vocabulary) tight() []byte {
	if len(v.lines)+len(v.values) == 0 {
		return nil
	}
	b := []byte{byte(len(v.lines))}
	for _, l := range v.lines {
		b = append(binary.AppendUvarint(b, uint64(len(l))), l...)
	}
	for _, l := range v.values {
		if id, ok := uuidOf(l); ok {
			b = append(append(b, 0), id[:]...)
			continue
		}
		b = append(append(b, byte(len(l))), l...)
	}
	return slices.Clip(b)
}

func loose(b []byte, digest [32]byte) *vocabulary {
	v := &vocabulary{digest: digest}
	if len(b) == 0 {
		return v
	}
	n := int(b[0])
	in := cutter{b[1:], true}
	for range n {
		v.lines = append(v.lines, string(in.take(int(in.uvarint()))))
	}
	for len(in.b) > 0 && in.ok {
		if n := int(in.take(1)[0]); n > 0 {
			v.values = append(v.values, string(in.take(n)))
		} else {
			v.values = append(v.values, uuidText(in.take(16)))
		}
	}
	return v
}
