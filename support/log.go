package support

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds of what is kept of the log.
const (
	keptLines = 500
	keptBytes = 2000 // of one line; a longer one is left out
)

// Log keeps the newest lines that a program logs, in memory, from level info on, in
// words that quote no record. It is there also where nobody keeps what the program
// writes to its standard error (R-I-12).
type Log struct {
	mu    sync.Mutex
	lines [][]byte // a ring; next is where the next one goes
	next  int
}

// Line is one line of the log as it was kept.
type Line struct {
	Time  time.Time
	Level slog.Level
	Text  string
	Rest  []string // the attributes, as name=value, by name
}

// Write keeps one line; a handler writes each line at once.
func (l *Log) Write(p []byte) (int, error) {
	if len(p) > keptBytes {
		return len(p), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	line := bytes.Clone(bytes.TrimRight(p, "\n"))
	if len(l.lines) < keptLines {
		l.lines = append(l.lines, line)
	} else {
		l.lines[l.next] = line
	}
	l.next = (l.next + 1) % keptLines
	return len(p), nil
}

// visits are the messages of the faces for each request. Those that went well would
// push everything else out.
var visits = []string{"page", "request"}

// keeper is the handler that keeps lines. Who worked from which address is nobody
// else's affair.
type keeper struct{ slog.Handler }

func (l *Log) keeper() slog.Handler {
	return keeper{slog.NewJSONHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "user" || a.Key == "address" {
			return slog.Attr{}
		}
		switch value := a.Value.Any().(type) {
		case error:
			a.Value = slog.StringValue(Plain(value))
		case time.Duration: // which JSON would have as a number of nanoseconds
			a.Value = slog.StringValue(value.Round(time.Millisecond).String())
		}
		return a
	}})}
}

// Handle implements slog.Handler.
func (k keeper) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn && slices.Contains(visits, r.Message) {
		return nil
	}
	return k.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (k keeper) WithAttrs(attrs []slog.Attr) slog.Handler { return keeper{k.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (k keeper) WithGroup(name string) slog.Handler { return keeper{k.Handler.WithGroup(name)} }

// Beside returns a logger that writes where the given one does, and here.
func (l *Log) Beside(to *slog.Logger) *slog.Logger {
	return slog.New(both{to.Handler(), l.keeper()})
}

// all are the lines, the oldest first.
func (l *Log) all() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([][]byte, 0, len(l.lines))
	for i := range l.lines {
		at := i
		if len(l.lines) == keptLines {
			at = (l.next + i) % keptLines
		}
		out = append(out, l.lines[at])
	}
	return out
}

// WriteTo writes the lines, the oldest first, one JSON object each.
func (l *Log) WriteTo(w io.Writer) (n int64, err error) {
	for _, line := range l.all() {
		m, err := w.Write(append(line[:len(line):len(line)], '\n'))
		if n += int64(m); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Lines are those of the level and above, the newest first.
func (l *Log) Lines(level slog.Level) (out []Line) {
	all := l.all()
	for i := len(all) - 1; i >= 0; i-- {
		var rest map[string]any
		read := json.NewDecoder(bytes.NewReader(all[i]))
		read.UseNumber() // or large ones would be shown as 1e+06
		if read.Decode(&rest) != nil {
			continue
		}
		var line Line
		text, _ := rest[slog.TimeKey].(string)
		line.Time, _ = time.Parse(time.RFC3339Nano, text)
		text, _ = rest[slog.LevelKey].(string)
		_ = line.Level.UnmarshalText([]byte(text))
		line.Text, _ = rest[slog.MessageKey].(string)
		if line.Level < level {
			continue
		}
		delete(rest, slog.TimeKey)
		delete(rest, slog.LevelKey)
		delete(rest, slog.MessageKey)
		for _, name := range slices.Sorted(maps.Keys(rest)) {
			line.Rest = append(line.Rest, fmt.Sprintf("%s=%v", name, rest[name]))
		}
		out = append(out, line)
	}
	return out
}

// both is two handlers.
type both [2]slog.Handler

// Enabled implements slog.Handler.
func (b both) Enabled(ctx context.Context, level slog.Level) bool {
	return b[0].Enabled(ctx, level) || b[1].Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (b both) Handle(ctx context.Context, r slog.Record) error {
	var errs []error
	for _, h := range b {
		if h.Enabled(ctx, r.Level) {
			errs = append(errs, h.Handle(ctx, r.Clone()))
		}
	}
	return errors.Join(errs...)
}

// WithAttrs implements slog.Handler.
func (b both) WithAttrs(attrs []slog.Attr) slog.Handler {
	return both{b[0].WithAttrs(attrs), b[1].WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (b both) WithGroup(name string) slog.Handler {
	return both{b[0].WithGroup(name), b[1].WithGroup(name)}
}
