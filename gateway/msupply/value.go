package msupply

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Their values, read as what we want. Each function reports false for a value
// that is not of the kind; none of them looks at a float (R-A-19).

// textOf reads a text. A number or a truth where a text is wanted is its own
// text.
func textOf(v json.RawMessage) (string, bool) {
	if len(v) == 0 {
		return "", false
	}
	if v[0] == '"' {
		var s string
		err := json.Unmarshal(v, &s)
		return s, err == nil
	}
	return string(v), v[0] != '{' && v[0] != '[' && string(v) != "null"
}

// isEmpty reports a value that says nothing: an empty text, a zero date, 0,
// false, null, an empty list or object.
func isEmpty(v json.RawMessage) bool {
	s := strings.TrimSpace(string(v))
	switch s {
	case "", `""`, "null", "false", "{}", "[]", "0":
		return true
	}
	if s[0] == '"' {
		t, ok := textOf(v)
		return ok && (t == "" || noDate(t))
	}
	return false
}

func noDate(s string) bool { return strings.HasPrefix(s, "0000-00-00") }

// maxExponent bounds numbers written with an exponent, which become digits.
const maxExponent = 40

// decimalOf reads a number, keeping its text. A text that is a number counts. An
// exponent is written out, exactly.
func decimalOf(v json.RawMessage) (json.Number, bool) {
	s, ok := textOf(v)
	if !ok || s == "" || !json.Valid([]byte(s)) || (s[0] != '-' && (s[0] < '0' || s[0] > '9')) {
		return "", false
	}
	mantissa, exponent, written := strings.Cut(strings.ToLower(s), "e")
	if !written {
		return json.Number(s), true
	}
	e, err := strconv.Atoi(exponent)
	if err != nil || e > maxExponent || e < -maxExponent || len(s) > 2*maxExponent {
		return "", false
	}
	r, ok := new(big.Rat).SetString(mantissa + "e" + exponent)
	if !ok {
		return "", false
	}
	_, fraction, _ := strings.Cut(mantissa, ".")
	out := r.FloatString(max(0, len(fraction)-e))
	if strings.Contains(out, ".") {
		out = strings.TrimRight(strings.TrimRight(out, "0"), ".")
	}
	return json.Number(out), true
}

// integerOf reads a whole number; 3.0 is one.
func integerOf(v json.RawMessage) (json.Number, bool) {
	n, ok := decimalOf(v)
	if !ok {
		return "", false
	}
	whole, fraction, _ := strings.Cut(string(n), ".")
	if strings.Trim(fraction, "0") != "" {
		return "", false
	}
	if whole == "-0" {
		whole = "0"
	}
	_, err := strconv.ParseInt(whole, 10, 64)
	return json.Number(whole), err == nil
}

// booleanOf reads a truth in any of the forms it has had: true, 1, "true", "".
func booleanOf(v json.RawMessage) (value, ok bool) {
	s, ok := textOf(v)
	switch strings.ToLower(s) {
	case "true", "1", "yes":
		return true, ok
	case "false", "0", "no", "":
		return false, ok
	}
	return false, false
}

// dateOf reads a date, alone or before a time. None is "".
func dateOf(v json.RawMessage) (date string, ok bool) {
	s, ok := textOf(v)
	if !ok || s == "" || noDate(s) {
		return "", ok
	}
	if len(s) > 10 && (s[10] == 'T' || s[10] == ' ') {
		s = s[:10]
	}
	_, err := time.Parse(time.DateOnly, s)
	return s, err == nil
}

// clockOf reads a time of day: seconds since midnight, or HH:MM:SS.
func clockOf(v json.RawMessage) (time.Duration, bool) {
	s, ok := textOf(v)
	if !ok || s == "" {
		return 0, ok
	}
	if t, err := time.Parse(time.TimeOnly, s); err == nil {
		return t.Sub(t.Truncate(24 * time.Hour)), true
	}
	n, err := strconv.Atoi(s)
	return time.Duration(n) * time.Second, err == nil && n >= 0 && n < 24*60*60
}

// momentOf reads a date with its time, which their server writes without a zone,
// as one of the zone. None is "".
func momentOf(v json.RawMessage, zone *time.Location) (moment string, ok bool) {
	s, ok := textOf(v)
	if !ok || s == "" || noDate(s) {
		return "", ok
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return stamp(t), t.Year() > 0
		}
	}
	return "", false
}

// atClock is the moment of a date and a time of day in the zone.
func atClock(date string, clock time.Duration, zone *time.Location) (string, bool) {
	t, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		return "", false
	}
	// Not Add: a day in which clocks change has not 24 hours.
	return stamp(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, int(clock/time.Second), 0, zone)), true
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
