package wire

import (
	"context"
	"iter"
	"testing"

	"github.com/atollsync/atoll/exchange"
)

// TestCentreLearnsThatItsAnswerWasTaken: going on after the last frame is how the
// centre tells an exchange that came to its end from one that was broken off.
func TestCentreLearnsThatItsAnswerWasTaken(t *testing.T) {
	hello, entries, answer := conversation(3)
	var goOn []bool
	r := newRig(t, func(o *Options, _ *ClientOptions) {
		o.Centre = exchanger(func(_ exchange.Hello, in iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
			return func(yield func(exchange.Frame, error) bool) {
				for range in { //nolint:revive // what was sent does not matter here
				}
				for _, f := range answer {
					more := yield(f, nil)
					if goOn = append(goOn, more); !more {
						return
					}
				}
			}
		})
	})
	if _, err := collect(r.client.Exchange(t.Context(), hello, all(entries))); err != nil {
		t.Fatal(err)
	}
	r.server.Close() // the handler has ended
	if len(goOn) != len(answer) || !goOn[len(goOn)-1] {
		t.Errorf("the centre was told %v", goOn)
	}
}

// exchanger is a centre that is one function.
type exchanger func(exchange.Hello, iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error]

func (e exchanger) Exchange(_ context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return e(h, entries)
}
