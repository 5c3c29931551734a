package documents

import (
	"encoding/json"

	"github.com/cockroachdb/apd/v3"
)

// exact is arithmetic with more digits than any quantity or price has.
var exact = apd.BaseContext.WithPrecision(60)

// Add returns a + b, exactly, as the text of a JSON number. Text that is not a
// number counts as 0: bodies were checked when they were written.
func Add(a, b string) string { return combine(exact.Add, a, b) }

// Sub returns a - b, exactly.
func Sub(a, b string) string { return combine(exact.Sub, a, b) }

// Mul returns a × b, exactly.
func Mul(a, b string) string { return combine(exact.Mul, a, b) }

// places is how many digits after the point a quotient keeps.
const places = 12

// Div returns a ÷ b: exactly when it has no more than twelve digits after the
// point, rounded half to even otherwise, without zeros at its end. Division by
// nothing is 0.
func Div(a, b string) string {
	if Sign(b) == 0 {
		return "0"
	}
	var d, rounded apd.Decimal
	if _, err := exact.Quo(&d, decimal(a), decimal(b)); err != nil {
		return "0"
	}
	even := *exact
	even.Rounding = apd.RoundHalfEven
	if _, err := even.Quantize(&rounded, &d, -places); err != nil {
		return "0"
	}
	rounded.Reduce(&rounded)
	return rounded.Text('f')
}

// divides reports whether a ÷ b is exactly q.
func divides(a, b, q string) bool { return Compare(Mul(q, b), a) == 0 }

// Sign returns -1, 0 or 1.
func Sign(a string) int { return decimal(a).Sign() }

// Compare returns -1, 0 or 1 as a is below, equal to or above b.
func Compare(a, b string) int { return decimal(a).Cmp(decimal(b)) }

func combine(op func(d, x, y *apd.Decimal) (apd.Condition, error), a, b string) string {
	var d apd.Decimal
	if _, err := op(&d, decimal(a), decimal(b)); err != nil {
		return "0"
	}
	return d.Text('f')
}

func decimal(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		return apd.New(0, 0)
	}
	return d
}

// number makes a field value of a decimal text.
func number(s string) json.Number { return json.Number(s) }
