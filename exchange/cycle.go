package exchange

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
)

// cycleDigits is how much of a nonce names the cycle; the rest is of the exchange
// alone.
const cycleDigits = 8

// CycleOf returns the id of the cycle that an exchange with this nonce belongs to. A
// site draws a nonce for each exchange and lets all of one cycle begin alike, so that
// both ends know the id and it costs nothing on the line.
func CycleOf(nonce string) string { return nonce[:min(len(nonce), cycleDigits)] }

// NonceIn returns a nonce for an exchange of a cycle; drawn is one at random. With the
// first exchange, which has no cycle yet, the cycle begins.
func NonceIn(cycle, drawn string) string {
	if len(cycle) != cycleDigits || len(drawn) < cycleDigits {
		return drawn
	}
	return cycle + drawn[cycleDigits:]
}

// NewCycle draws the id of a request that is part of no exchange.
func NewCycle() string {
	var b [cycleDigits / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// IsCycle reports whether the text may be the id of a cycle: it comes from elsewhere,
// and goes into a log.
func IsCycle(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == cycleDigits
}

// CycleIn returns the cycle of the context, "" outside of one.
func CycleIn(ctx context.Context) string {
	id, _ := ctx.Value(cycleKey{}).(string)
	return id
}

type cycleKey struct{}

// InCycle returns a context of which Traced logs the cycle.
func InCycle(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return context.WithValue(ctx, cycleKey{}, id)
}

// Traced returns a logger that adds the id of the cycle to every line that is logged
// with a context of one: the lines of one cycle are found by it at the site and at
// the centre.
func Traced(l *slog.Logger) *slog.Logger {
	if _, is := l.Handler().(traced); is {
		return l
	}
	return slog.New(traced{l.Handler()})
}

type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if id := CycleIn(ctx); id != "" {
		r.AddAttrs(slog.String("cycle", id))
	}
	return t.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name)} }
