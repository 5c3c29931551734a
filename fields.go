package atoll

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits on one record's body. They are checked where bytes come in, before
// anything is stored (R-K-58).
const (
	MaxBody  = 1 << 20 // bytes of one body
	MaxDepth = 16      // levels of nested values in one field
)

// Fields are the named values of a record, each kept as the JSON text it was
// written with, so that numbers survive exactly (R-A-19): 1.50 stays 1.50.
//
// In a record no field is null: a null field is an absent one. In the fields of
// an update operation null means "cleared".
type Fields map[string]json.RawMessage

// ParseFields reads one JSON object. It fails with [Invalid] when the bytes are
// not one object, are not UTF-8, name a field twice, nest deeper than
// [MaxDepth], or are longer than [MaxBody].
func ParseFields(b []byte) (Fields, error) {
	if len(b) > MaxBody {
		return nil, Errorf(TooLarge, "a record's body has %d bytes; the limit is %d", len(b), MaxBody)
	}
	if !utf8.Valid(b) {
		return nil, Errorf(Invalid, "a record's body is not UTF-8 text")
	}
	if !json.Valid(b) {
		return nil, Errorf(Invalid, "a record's body is not valid JSON")
	}
	return split(b)
}

// split takes valid JSON apart into the fields of one object. It refuses what is
// no object, a field named twice, and values nested too deep. Bodies come through
// here by the million, so it does not go through the decoder.
func split(b []byte) (Fields, error) {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return nil, Errorf(Invalid, "a record's body is not a JSON object")
	}
	f := make(Fields, 16)
	all := string(b) // the names are parts of it
	for i = space(b, i+1); i < len(b) && b[i] != '}'; {
		end := text(b, i)
		if b[i] != '"' || end < i+2 {
			return nil, Errorf(Damaged, "a record's body is damaged")
		}
		name := all[i+1 : end-1]
		if strings.IndexByte(name, '\\') >= 0 {
			if err := json.Unmarshal(b[i:end], &name); err != nil {
				return nil, Errorf(Invalid, "a field's name cannot be read: %w", err)
			}
		}
		i = space(b, space(b, end)+1) // over the colon
		end, deepest := value(b, i)
		if end <= i {
			return nil, Errorf(Damaged, "a record's body is damaged")
		}
		if deepest > MaxDepth {
			return nil, Errorf(Invalid, "field %.60q is nested deeper than %d levels", name, MaxDepth)
		}
		if _, twice := f[name]; twice {
			return nil, Errorf(Invalid, "field %.60q is there twice", name)
		}
		f[name] = compact(json.RawMessage(b[i:end:end]))
		if i = space(b, end); i < len(b) && b[i] == ',' {
			i = space(b, i+1)
		}
	}
	if i >= len(b) {
		return nil, Errorf(Invalid, "a record's body is not a whole JSON object")
	}
	return f, nil
}

// space returns the index of the first byte from i that is not white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// text returns the index after the string that begins at i.
func text(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// value returns the index after the value that begins at i, and how deep it is
// nested.
func value(b []byte, i int) (end, deepest int) {
	level := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = text(b, i)
		case '{', '[':
			level++
			deepest = max(deepest, level)
			i++
		case '}', ']':
			if level == 0 {
				return i, deepest
			}
			level--
			i++
		case ',', ' ', '\n', '\t', '\r':
			if level == 0 {
				return i, deepest
			}
			i++
			continue
		default:
			i++
			continue
		}
		if level == 0 {
			return i, deepest
		}
	}
	return len(b), deepest
}

func compact(v json.RawMessage) json.RawMessage {
	if len(v) == 0 || (v[0] != '{' && v[0] != '[') || !bytes.ContainsAny(v, " \n\t\r") {
		return v
	}
	var b bytes.Buffer
	if err := json.Compact(&b, v); err != nil {
		return v
	}
	return b.Bytes()
}

// Encode returns the canonical bytes of the fields: one JSON object without
// white space, names in byte order, values as they were written.
func (f Fields) Encode() []byte {
	n := 2
	for k, v := range f {
		n += len(k) + len(v) + 4
	}
	b := make([]byte, 0, n)
	return f.append(b)
}

func (f Fields) append(b []byte) []byte {
	b = append(b, '{')
	var few [32]string // most records have no more: they need no memory of their own
	for i, k := range f.names(few[:0]) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, k)
		b = append(b, ':')
		if v := f[k]; len(v) > 0 {
			b = append(b, v...)
		} else {
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}

// Names returns the names of the fields in byte order.
func (f Fields) Names() []string { return f.names(make([]string, 0, len(f))) }

func (f Fields) names(into []string) []string {
	for name := range f {
		into = append(into, name)
	}
	slices.Sort(into)
	return into
}

// Clone returns a copy that shares no map with f. Values are never changed in
// place, so they are shared.
func (f Fields) Clone() Fields { return maps.Clone(f) }

// Has reports whether the field is present and not null.
func (f Fields) Has(name string) bool {
	v, ok := f[name]
	return ok && !isNull(v)
}

func isNull(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

// Text returns the field when it is a JSON string, and "" otherwise.
func (f Fields) Text(name string) string {
	v := f[name]
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	if inner := v[1 : len(v)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// ID returns the field as the identity of a record, "" when it is absent.
func (f Fields) ID(name string) ID { return ID(f.Text(name)) }

// Int returns the field when it is a whole number, and 0 otherwise.
func (f Fields) Int(name string) int64 {
	n, _ := strconv.ParseInt(string(f[name]), 10, 64)
	return n
}

// Bool returns the field when it is true or false, and otherwise as given.
func (f Fields) Bool(name string, otherwise bool) bool {
	switch string(f[name]) {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}

// Number returns the text of the field when it is a JSON number, and "0"
// otherwise. Arithmetic on it belongs to a decimal library, never to float64.
func (f Fields) Number(name string) string {
	v := f[name]
	if len(v) == 0 || (v[0] != '-' && (v[0] < '0' || v[0] > '9')) {
		return "0"
	}
	return string(v)
}

// Set puts a Go value into the field and returns f. Strings, ids, booleans,
// whole numbers, json.Number, json.RawMessage and what encoding/json can write
// are taken; nil and the empty string clear the field to null.
func (f Fields) Set(name string, value any) Fields {
	switch v := value.(type) {
	case nil:
		f[name] = json.RawMessage("null")
	case json.RawMessage:
		f[name] = compact(v)
	case json.Number:
		f[name] = json.RawMessage(v)
	case string:
		f[name] = quote(v)
	case ID:
		f[name] = quote(string(v))
	case SiteID:
		f[name] = json.RawMessage(strconv.Itoa(int(v)))
	default:
		b, err := json.Marshal(v)
		if err != nil {
			b = []byte("null")
		}
		f[name] = b
	}
	return f
}

func quote(s string) json.RawMessage {
	if s == "" {
		return json.RawMessage("null")
	}
	return appendString(nil, s)
}

// appendString appends s as a JSON string, escaping only what JSON demands, so
// that one text has one form.
func appendString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}

// Apply returns the fields after an update: changed fields replace, null ones
// remove. Neither argument is altered.
func (f Fields) Apply(changed Fields) Fields {
	out := make(Fields, len(f)+len(changed))
	maps.Copy(out, f)
	for k, v := range changed {
		if isNull(v) {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

// Changes returns the fields that differ in to, as an update would carry them:
// null for those that to lacks. It is empty when the two are equal.
func (f Fields) Changes(to Fields) Fields {
	out := Fields{}
	for k, v := range to {
		if isNull(v) {
			if f.Has(k) {
				out[k] = json.RawMessage("null")
			}
		} else if !bytes.Equal(f[k], v) {
			out[k] = v
		}
	}
	for k := range f {
		if _, there := to[k]; !there {
			out[k] = json.RawMessage("null")
		}
	}
	return out
}

// Compacted returns the fields without the null ones.
func (f Fields) Compacted() Fields { return Fields{}.Apply(f) }

// Stamp is a moment as fields hold it: in UTC, to the second.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
