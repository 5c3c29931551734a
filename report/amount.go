package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/atollsync/atoll/documents"
)

// amount is an exact decimal. Nearly all fit into units of a power of ten, and are
// added without allocating; those that do not are text.
type amount struct {
	units  int64
	places int
	text   string // instead, when it does not fit
}

const mostPlaces = 18

// amountOf reads the text of a JSON number; nothing is 0.
func amountOf(b []byte) amount {
	var a amount
	digits, point, negative := 0, false, false
	for i, c := range b {
		switch {
		case c == '-' && i == 0:
			negative = true
		case c == '.' && !point:
			point = true
		case c >= '0' && c <= '9' && digits < mostPlaces:
			a.units = a.units*10 + int64(c-'0')
			if a.units > 0 {
				digits++
			}
			if point {
				a.places++
			}
		default: // long, or with an exponent
			return amount{text: string(b)}
		}
		if a.places > mostPlaces {
			return amount{text: string(b)}
		}
	}
	if negative {
		a.units = -a.units
	}
	return a
}

func number(s string) amount { return amountOf([]byte(s)) }

func (a amount) plus(b amount) amount {
	if a.text == "" && b.text == "" {
		if a.units == 0 {
			return b
		}
		x, y, ok := align(a, b)
		if sum := x + y; ok && (sum > x) == (y > 0) {
			return amount{units: sum, places: max(a.places, b.places)}
		}
	}
	return exactly(documents.Add(a.raw(), b.raw()))
}

func (a amount) minus(b amount) amount {
	if b.text == "" && b.units > math.MinInt64 {
		return a.plus(amount{units: -b.units, places: b.places})
	}
	return exactly(documents.Sub(a.raw(), b.raw()))
}

func (a amount) times(b amount) amount {
	if a.text == "" && b.text == "" && a.places+b.places <= mostPlaces {
		p := a.units * b.units
		if a.units == 0 || p/a.units == b.units && (a.units != -1 || b.units != math.MinInt64) {
			return amount{units: p, places: a.places + b.places}
		}
	}
	return exactly(documents.Mul(a.raw(), b.raw()))
}

// over is a ÷ b, with at most twelve digits after the point; 0 when b is.
func (a amount) over(b amount) amount { return exactly(documents.Div(a.raw(), b.raw())) }

func (a amount) sign() int {
	switch {
	case a.text != "":
		return documents.Sign(a.text)
	case a.units < 0:
		return -1
	case a.units > 0:
		return 1
	}
	return 0
}

// exactly is a result as an amount, small again if it can be.
func exactly(s string) amount { return number(s) }

// align brings both to the same number of places.
func align(a, b amount) (x, y int64, ok bool) {
	x, y = a.units, b.units
	for n := a.places; n < b.places; n++ {
		if x > math.MaxInt64/10 || x < math.MinInt64/10 {
			return 0, 0, false
		}
		x *= 10
	}
	for n := b.places; n < a.places; n++ {
		if y > math.MaxInt64/10 || y < math.MinInt64/10 {
			return 0, 0, false
		}
		y *= 10
	}
	return x, y, true
}

// raw is the number as it was calculated.
func (a amount) raw() string {
	if a.text != "" {
		return a.text
	}
	s := strconv.FormatInt(a.units, 10)
	if a.places == 0 {
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	if len(s) <= a.places {
		s = strings.Repeat("0", a.places-len(s)+1) + s
	}
	return sign + s[:len(s)-a.places] + "." + s[len(s)-a.places:]
}

// String is the number without zeros at the end of its fraction, so that equal
// numbers read equal.
func (a amount) String() string {
	for a.text == "" && a.places > 0 && a.units%10 == 0 {
		a.units, a.places = a.units/10, a.places-1
	}
	s := a.raw()
	if a.text == "" {
		return s
	}
	s = documents.Add(s, "0") // without an exponent
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// numbers writes amounts as texts that share their memory: of hundreds of thousands most
// of the cost is that each has its own.
type numbers struct{ room }

func (n *numbers) text(a amount) string {
	for a.text == "" && a.places > 0 && a.units%10 == 0 {
		a.units, a.places = a.units/10, a.places-1
	}
	if a.text != "" {
		return a.String()
	}
	var space [24]byte
	b := strconv.AppendInt(space[:0], a.units, 10)
	if a.places > 0 {
		if a.units < 0 || len(b) <= a.places { // it begins with a sign, or with 0.
			return a.String()
		}
		b = slices.Insert(b, len(b)-a.places, '.')
	}
	return n.keep(b)
}
