package console

import (
	"fmt"
	"html/template"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

// when writes a moment in the reader's zone, with the exact time for programs
// and for who points at it.
func (v *Visit) when(t time.Time) template.HTML {
	if t.IsZero() {
		return template.HTML(template.HTMLEscapeString(v.T("time.never"))) //nolint:gosec // escaped
	}
	return v.timeTag(t, v.moment(t))
}

// ago writes how long ago a moment was, with the moment for who points at it.
func (v *Visit) ago(t time.Time) template.HTML {
	if t.IsZero() {
		return template.HTML(template.HTMLEscapeString(v.T("time.never"))) //nolint:gosec // escaped
	}
	return v.timeTag(t, v.since(t))
}

func (v *Visit) timeTag(t time.Time, words string) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // escaped
		t.UTC().Format(time.RFC3339), template.HTMLEscapeString(v.moment(t)+" "+t.In(v.Zone).Format("MST")), template.HTMLEscapeString(words)))
}

// moment is the time in the reader's zone, to the minute: 2 Mar 2026, 09:41, and
// only the time of day when that was today.
func (v *Visit) moment(t time.Time) string {
	t = t.In(v.Zone)
	now := v.c.Now().In(v.Zone)
	clock := t.Format("15:04")
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return v.T("time.today", "time", clock)
	}
	return v.day(t) + ", " + clock
}

// day is a date in words.
func (v *Visit) day(t time.Time) string {
	return v.T("time.date", "day", t.Format("2"), "month", v.T(fmt.Sprintf("month.%d", int(t.Month()))), "year", t.Format("2006"))
}

// since is how long ago a moment was, in words.
func (v *Visit) since(t time.Time) string {
	d := v.c.Now().Sub(t)
	if d < 0 {
		d = 0
	}
	if d < 2*time.Second {
		return v.T("ago.moment")
	}
	return v.T("ago", "span", v.span(d))
}

// span is a duration in words: 12 minutes, 3 days.
func (v *Visit) span(d time.Duration) string {
	switch {
	case d < time.Second:
		return v.T("span.brief")
	case d < 2*time.Minute:
		return v.T("span.seconds", "n", int(d.Seconds()))
	case d < 2*time.Hour:
		return v.T("span.minutes", "n", int(d.Minutes()))
	case d < 48*time.Hour:
		return v.T("span.hours", "n", int(d.Hours()))
	}
	return v.T("span.days", "n", int(d.Hours()/24))
}

// size is a number of bytes in words.
func (v *Visit) size(n int64) string {
	f := float64(n)
	for _, unit := range []string{"size.b", "size.kb", "size.mb", "size.gb"} {
		if f < 1000 || unit == "size.gb" {
			if unit == "size.b" {
				return v.T(unit, "x", v.Lang.number(n))
			}
			return v.T(unit, "x", v.Lang.numbers.Sprintf("%.1f", f))
		}
		f /= 1000
	}
	return ""
}

// number writes any whole number; other values as they are.
func (v *Visit) number(value any) string {
	if r := reflect.ValueOf(value); r.CanInt() {
		return v.Lang.number(r.Int())
	} else if r.CanUint() {
		return v.Lang.number(int64(min(r.Uint(), 1<<62)))
	}
	return fmt.Sprint(value)
}

// typeWords is the title of a record type.
func (v *Visit) typeWords(t atoll.Type) string {
	if key := "type." + string(t); v.Lang.has(key) {
		return v.T(key)
	}
	if def, ok := v.c.Catalogue.Lookup(t); ok && def.Title != "" {
		return def.Title
	}
	return humane(string(t))
}

// fieldWords is what a field of a record is called: the catalogue of words may
// have it for the type or for all types; else its name, readable.
func (v *Visit) fieldWords(t atoll.Type, field string) string {
	for _, key := range []string{"field." + string(t) + "." + field, "field." + field} {
		if v.Lang.has(key) {
			return v.T(key)
		}
	}
	return humane(field)
}

// humane turns a name of programs into words.
func humane(name string) string {
	s := strings.TrimSuffix(name, "_id")
	s = strings.ReplaceAll(s, "_", " ")
	if s == "" {
		return name
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// decimal writes an exact decimal with the digits it has, in groups as the reader
// writes them.
func (v *Visit) decimal(s string) string {
	whole, part, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return s // not as we know numbers: as it is
	}
	out := v.Lang.number(n)
	if part = strings.TrimRight(part, "0"); part != "" {
		out += v.Lang.point() + part
	}
	if strings.HasPrefix(s, "-") {
		out = "−" + out
	}
	return out
}

// money is a decimal with two decimals at least.
func (v *Visit) money(s string) string {
	_, part, _ := strings.Cut(s, ".")
	part = strings.TrimRight(part, "0")
	if len(part) >= 2 {
		return v.decimal(s)
	}
	whole, _, _ := strings.Cut(s, ".")
	return v.decimal(whole) + v.Lang.point() + (part + "00")[:2]
}
