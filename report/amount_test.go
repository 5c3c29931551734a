package report

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll/documents"
)

// Sums and products are those of exact arithmetic, whatever fits where.
func TestAmountsAreExact(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,4})?`),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?`),
		rapid.StringMatching(`-?[1-9][0-9]{0,3}(\.[0-9]{1,3})?[eE][+-]?[0-9]`),
		rapid.SampledFrom([]string{"9223372036854775807", "-9223372036854775808", "999999999999999999", "-0.00", "0.000000000000000001"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		x, y := texts.Draw(t, "x"), texts.Draw(t, "y")
		a, b := number(x), number(y)
		for _, got := range []struct{ what, is, want string }{
			{"+", a.plus(b).String(), documents.Add(x, y)},
			{"-", a.minus(b).String(), documents.Sub(x, y)},
			{"×", a.times(b).String(), documents.Mul(x, y)},
			{"÷", a.over(b).String(), documents.Div(x, y)},
			{"itself", a.String(), x},
		} {
			if documents.Compare(got.is, got.want) != 0 {
				t.Errorf("%s %s %s = %s; want %s", x, got.what, y, got.is, got.want)
			}
		}
		if a.sign() != documents.Sign(x) {
			t.Errorf("the sign of %s is %d", x, a.sign())
		}
		if shared := new(numbers).text(a); shared != a.String() {
			t.Errorf("%s reads %s, and %s where texts share their memory", x, a, shared)
		}
		if again := number(a.String()).String(); again != a.String() {
			t.Errorf("%s reads %s, and then %s", x, a, again)
		}
	})
	for in, want := range map[string]string{"1.50": "1.5", "100": "100", "-0.10": "-0.1", "0.000": "0", "1e3": "1000", "": "0", "10.0": "10", "12345678901234567890.10": "12345678901234567890.1"} {
		if got := number(in).String(); got != want {
			t.Errorf("%q reads %s; want %s", in, got, want)
		}
	}
}

func BenchmarkAmounts(b *testing.B) {
	packs, size, price := []byte("97"), []byte("100"), []byte("12.50")
	var sum amount
	for b.Loop() {
		sum = sum.plus(amountOf(packs).times(amountOf(size))).plus(amountOf(packs).times(amountOf(price)))
	}
}
