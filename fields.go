package atoll

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
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
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, Errorf(Invalid, "a record's body is not a JSON object")
	}
	f := Fields{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, Errorf(Invalid, "a record's body is not valid JSON: %w", err)
		}
		name, _ := t.(string)
		if _, twice := f[name]; twice {
			return nil, Errorf(Invalid, "field %.60q is there twice", name)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, Errorf(Invalid, "field %.60q is not valid JSON: %w", name, err)
		}
		if depth(v) > MaxDepth {
			return nil, Errorf(Invalid, "field %.60q is nested deeper than %d levels", name, MaxDepth)
		}
		f[name] = compact(v)
	}
	if _, err := d.Token(); err != nil {
		return nil, Errorf(Invalid, "a record's body is not valid JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, Errorf(Invalid, "a record's body has something after its end")
	}
	return f, nil
}

func depth(v []byte) (deepest int) {
	level, quoted, escaped := 0, false, false
	for _, c := range v {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

func compact(v json.RawMessage) json.RawMessage {
	if len(v) == 0 || (v[0] != '{' && v[0] != '[') {
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
	for i, k := range f.Names() {
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
func (f Fields) Names() []string { return slices.Sorted(maps.Keys(f)) }

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
