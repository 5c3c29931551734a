package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/atollsync/atoll"
)

// maxDigits is the most digits of a decimal, before and after the point
// together: what every engine's exact number can hold.
const maxDigits = 30

// accepts reports whether a JSON value, not null, is one that the field can
// have. It looks at the text, so what passes is kept to the byte (R-A-19).
func (f *Field) accepts(v []byte) bool {
	switch f.Kind {
	case Text:
		n, ok := textLength(v)
		return ok && n <= f.Limit()
	case Enum:
		return len(v) > 2 && v[0] == '"' && v[len(v)-1] == '"' && f.member(v[1:len(v)-1])
	default:
		return valid(f.Kind, v)
	}
}

func (f *Field) member(v []byte) bool {
	for _, m := range f.Values {
		if m == string(v) {
			return true
		}
	}
	return false
}

// valid is accepts for the kinds whose values need nothing but the kind.
func valid(k Kind, v []byte) bool {
	switch k {
	case Integer:
		return isInteger(v)
	case Decimal:
		return isDecimal(v)
	case Boolean:
		return string(v) == "true" || string(v) == "false"
	case Object:
		return isObject(v)
	default: // the others are JSON strings
	}
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return false
	}
	s := v[1 : len(v)-1]
	switch k {
	case Date:
		return isDate(s)
	case Time:
		return isTime(s)
	case Reference:
		return len(s) == 36 && atoll.ID(s).Valid()
	default:
		return false
	}
}

// want says in words what a field takes.
func (f *Field) want() string {
	switch f.Kind {
	case Text:
		return fmt.Sprintf("text of at most %d bytes", f.Limit())
	case Integer:
		return "a whole number"
	case Decimal:
		return fmt.Sprintf("a decimal number of at most %d digits, without exponent", maxDigits)
	case Boolean:
		return "true or false"
	case Date:
		return "a date such as 2026-07-31"
	case Time:
		return "a time such as 2026-07-31T08:15:00Z"
	case Enum:
		return "one of " + shorten(strings.Join(f.Values, ", "), 400)
	case Reference:
		return "the id of a record of type " + string(f.To)
	default:
		return "a JSON value"
	}
}

// textLength returns the length of a JSON string in bytes once unescaped. It
// refuses what is no JSON string, halves of surrogate pairs (which no UTF-8 can
// hold) and U+0000 (which PostgreSQL cannot store).
func textLength(v []byte) (n int, ok bool) {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return 0, false
	}
	s := v[1 : len(v)-1]
	ascii := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x20 || c == '"':
			return 0, false
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '\\':
			size, length := escape(s[i:])
			if size == 0 {
				return 0, false
			}
			i += size - 1
			n += length - 1
		}
		n++
	}
	return n, ascii || utf8.Valid(s)
}

// escape measures the escape sequence at the start of s: its bytes, and those of
// what it stands for. Zero means that there is none that may stand in a text.
func escape(s []byte) (size, length int) {
	if len(s) < 2 {
		return 0, 0
	}
	if s[1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, s[1]) < 0 {
			return 0, 0
		}
		return 2, 1
	}
	r, ok := unit(s)
	if !ok || r == 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return 6, utf8.RuneLen(r)
	}
	low, ok := unit(s[6:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0, 0
	}
	return 12, 4
}

func unit(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(n), err == nil
}

// isInteger reports a whole number of 64 bits, written in the one usual way: no
// sign before 0, no leading zeros.
func isInteger(v []byte) bool {
	digits := v
	if len(v) > 0 && v[0] == '-' {
		digits = v[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || (digits[0] == '0' && len(v) > 1) {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	if len(digits) < 19 {
		return true
	}
	_, err := strconv.ParseInt(string(v), 10, 64)
	return err == nil
}

func isDecimal(v []byte) bool {
	if len(v) > 0 && v[0] == '-' {
		v = v[1:]
	}
	whole := digitsAt(v)
	if whole == 0 || (v[0] == '0' && whole > 1) {
		return false
	}
	if whole == len(v) {
		return whole <= maxDigits
	}
	if v[whole] != '.' {
		return false
	}
	fraction := digitsAt(v[whole+1:])
	return fraction > 0 && whole+1+fraction == len(v) && whole+fraction <= maxDigits
}

func digitsAt(v []byte) int {
	for i, c := range v {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(v)
}

// number reads n digits at i, -1 if they are not all digits.
func number(s []byte, i, n int) int {
	value := 0
	for _, c := range s[i : i+n] {
		if c < '0' || c > '9' {
			return -1
		}
		value = value*10 + int(c-'0')
	}
	return value
}

func isDate(s []byte) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	year, month, day := number(s, 0, 4), number(s, 5, 2), number(s, 8, 2)
	if year < 1 || month < 1 || month > 12 || day < 1 {
		return false
	}
	// Day 0 of the next month is the last of this one.
	return day <= 28 || day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// isTime reports a time of RFC 3339 with upper-case T and Z, at most nanoseconds
// and no leap second. time.Parse accepts more than the RFC.
func isTime(s []byte) bool {
	if len(s) < 20 || s[10] != 'T' || s[13] != ':' || s[16] != ':' || !isDate(s[:10]) {
		return false
	}
	if !below(number(s, 11, 2), 24) || !below(number(s, 14, 2), 60) || !below(number(s, 17, 2), 60) {
		return false
	}
	s = s[19:]
	if s[0] == '.' {
		n := digitsAt(s[1:])
		if n == 0 || n > 9 {
			return false
		}
		s = s[1+n:]
	}
	switch {
	case len(s) == 1:
		return s[0] == 'Z'
	case len(s) == 6:
		return (s[0] == '+' || s[0] == '-') && s[3] == ':' && below(number(s, 1, 2), 24) && below(number(s, 4, 2), 60)
	}
	return false
}

func below(n, limit int) bool { return n >= 0 && n < limit }

// isObject reports any JSON value whose texts an engine can store.
func isObject(v []byte) bool {
	if !utf8.Valid(v) || !json.Valid(v) {
		return false
	}
	if !slices.Contains(v, '\\') {
		return true
	}
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' {
			continue
		}
		size, _ := escape(v[i:])
		if size == 0 {
			return false
		}
		i += size - 1
	}
	return true
}
