package site

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
)

// Cycle is one row of the sync log (R-I-24): everything one cycle did. Offered is
// always Applied + Duplicate + Quarantined.
type Cycle struct {
	// ID names the cycle at both ends; see exchange.CycleOf. A cycle that repeats an
	// exchange to which no answer came bears the id of the one that began it.
	ID          string          `json:"cycle,omitempty"`
	Started     time.Time       `json:"started"`
	Took        time.Duration   `json:"took"`
	Rounds      int             `json:"rounds"`
	Sent        int             `json:"sent"`    // entries handed to the transport
	Offered     int             `json:"offered"` // of them, arrived whole at the centre
	Applied     int             `json:"applied"`
	Duplicate   int             `json:"duplicate"`
	Quarantined int             `json:"quarantined"`
	Received    int             `json:"received"` // records
	Integrated  integrate.Tally `json:"integrated"`
	Retracted   int             `json:"retracted"`
	// Compared is how many records were compared with the centre, row by row if
	// need be; Differing how many were not the same, Repaired how many are again.
	Compared  int `json:"compared,omitempty"`
	Differing int `json:"differing,omitempty"`
	Repaired  int `json:"repaired,omitempty"`

	BytesOut int64      `json:"bytes_out"`
	BytesIn  int64      `json:"bytes_in"`
	Code     atoll.Code `json:"code,omitempty"`
	Error    string     `json:"error,omitempty"`
	Hint     string     `json:"hint,omitempty"`

	content int64 // bytes of entries and bodies, before compression: what batches are limited by
}

// maxRounds ends a cycle that would never end; the next one goes on.
const maxRounds = 100_000

// maxIdle ends a cycle in whose last rounds nothing went either way, although one
// end said that there was more.
const maxIdle = 5

// logRows is how many rows of the sync log a site keeps, and logSpare how many
// are removed at once.
const (
	logRows  = 5000
	logSpare = 500
)

// Cycle runs one full cycle: push, pull, integrate, process, and again while
// either side has more (design, "the road of one change"). If another cycle is
// under way it waits for it. The row of the sync log is returned and stored
// whatever happens. It fails with atoll.Paused when synchronisation is disabled.
func (s *Site) Cycle(ctx context.Context) (Cycle, error) {
	s.cycle.Lock()
	defer s.cycle.Unlock()
	if s.Lock != nil {
		unlock, err := s.Lock(ctx)
		if err != nil {
			return Cycle{}, err
		}
		defer unlock()
	}
	if err := s.mayRun(ctx); err != nil {
		return Cycle{}, err
	}
	row := Cycle{Started: s.Now()}
	out, in := s.count()
	s.mu.Lock()
	s.running, s.began, s.out, s.in = true, row.Started, out, in
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running, s.now = false, Progress{}
		s.mu.Unlock()
	}()
	s.progress("prepare", 0, 0)
	err := s.rounds(ctx, &row)
	ctx = exchange.InCycle(ctx, row.ID)
	if err == nil {
		s.look(ctx, &row)
	}
	outNow, inNow := s.count()
	row.BytesOut, row.BytesIn = outNow-out, inNow-in
	row.Took = s.Now().Sub(row.Started)
	if err != nil {
		row.Code, row.Error = atoll.CodeOf(err), err.Error()
		var e *atoll.Error
		if errors.As(err, &e) {
			row.Error, row.Hint = e.Message, e.Hint
		}
	}
	if lerr := s.log(context.WithoutCancel(ctx), row); lerr != nil && err == nil {
		err = lerr
	}
	if s.Hooks.Cycled != nil {
		s.Hooks.Cycled(row)
	}
	s.tell(ctx, row, err)
	return row, err
}

// tell logs the cycle (R-K-29).
func (s *Site) tell(ctx context.Context, row Cycle, err error) {
	level := slog.LevelInfo
	switch {
	case err != nil:
		level = slog.LevelWarn
	case row.Sent == 0 && row.Received == 0:
		level = slog.LevelDebug // nothing went either way, as hundreds of times a day
	}
	attrs := []slog.Attr{
		slog.Int("site", int(s.Door.Site)), slog.Int("rounds", row.Rounds), slog.Int("sent", row.Sent), slog.Int("applied", row.Applied),
		slog.Int("quarantined", row.Quarantined), slog.Int("received", row.Received),
		slog.Int64("bytes_out", row.BytesOut), slog.Int64("bytes_in", row.BytesIn), slog.Duration("took", row.Took),
	}
	if err != nil {
		attrs = append(attrs, slog.String("code", string(atoll.CodeOf(err))), slog.Any("err", err))
	}
	s.Log.LogAttrs(ctx, level, "sync cycle", attrs...)
}

func (s *Site) mayRun(ctx context.Context) error {
	return s.Store.View(ctx, func(r storage.Reader) error {
		set, err := loadSettings(r)
		if err != nil {
			return err
		}
		if set.Disabled {
			return atoll.Errorf(atoll.Paused, "synchronisation is disabled here%s", because(set)).
				Do("changes are kept; enable it with: atoll sync --enable")
		}
		return nil
	})
}

func because(s Settings) string {
	if s.Reason == "" {
		return ""
	}
	return " (" + s.Reason + ")"
}

func (s *Site) count() (out, in int64) {
	if s.Bytes == nil {
		return 0, 0
	}
	return s.Bytes()
}

func (s *Site) rounds(ctx context.Context, row *Cycle) error {
	last, idle := uint64(0), 0
	for row.Rounds < maxRounds {
		row.Rounds++
		started, before, content := s.Now(), row.Sent+row.Received, row.content
		more, moved, err := s.exchange(ctx, row)
		ctx := exchange.InCycle(ctx, row.ID)
		s.owed = s.owed || moved
		if err != nil {
			if perr := s.process(ctx); perr != nil {
				s.Log.WarnContext(ctx, "processors failed; they go on with the next cycle", "err", perr)
			}
			return err
		}
		s.pace.measured(s.Now().Sub(started), row.Sent+row.Received-before, row.content-content)
		if err := s.obey(ctx); err != nil {
			return err
		}
		if err := s.process(ctx); err != nil {
			return err
		}
		waiting, err := s.unsent(ctx)
		if err != nil {
			return err
		}
		if !more && (waiting == 0 || waiting == last) {
			return nil
		}
		if idle++; moved || waiting != last || row.Sent+row.Received != before {
			idle = 0
		}
		if idle >= maxIdle {
			return atoll.Errorf(atoll.Interrupted, "the exchange does not get on: there is more, but nothing comes").Do("it is tried again by itself")
		}
		last = waiting
	}
	return nil
}

// process lets processors work on what was integrated. It is owed to every
// checkpoint, also when the line was cut after it, or the program ended: whoever
// starts does not know, and asks once.
func (s *Site) process(ctx context.Context) error {
	if !s.owed || s.Integrated == nil {
		return nil
	}
	ready := false
	err := s.Store.View(ctx, func(r storage.Reader) error {
		l, err := loadLink(r)
		ready = l.State == Ready
		return err
	})
	if err != nil || !ready {
		return err
	}
	s.progress("process", 0, 0)
	if err := s.Integrated(ctx); err != nil {
		return err
	}
	s.owed = false
	return nil
}

// obey does what the centre ordered in its welcome.
func (s *Site) obey(ctx context.Context) error {
	var wanted bool
	err := s.Store.View(ctx, func(r storage.Reader) error {
		l, err := loadLink(r)
		wanted = l.Resend && l.State == Ready
		return err
	})
	if err != nil || !wanted || s.Restate == nil {
		return err
	}
	if err := s.Restate(ctx); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		l, err := loadLink(tx)
		if err != nil {
			return err
		}
		l.Resend = false
		return l.save(tx)
	})
}

func (s *Site) unsent(ctx context.Context) (n uint64, err error) {
	err = s.Store.View(ctx, func(r storage.Reader) error {
		l, err := loadLink(r)
		if err != nil {
			return err
		}
		head, err := r.Head(s.Door.Site)
		n = head.Seq - l.Acknowledged.Seq
		return err
	})
	return n, err
}

// log stores the row and what the status shows of the last cycle.
func (s *Site) log(ctx context.Context, row Cycle) error {
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		l, err := loadLink(tx)
		if err != nil {
			return err
		}
		l.LastTry = row.Started
		l.LastCode, l.LastError, l.LastHint = row.Code, row.Error, row.Hint
		if row.Code == "" {
			// An error disappears when the next sync succeeds (R-I-06).
			l.LastSuccess, l.LastDuration = row.Started.Add(row.Took), row.Took.Seconds()
		}
		if err := s.appendLog(tx, &l, row); err != nil {
			return err
		}
		return l.save(tx)
	})
}

// appendLog adds a row, and now and then removes the oldest.
func (s *Site) appendLog(tx storage.Tx, l *link, row Cycle) error {
	key := row.Started.UTC().Format("20060102T150405.000000000")
	if err := storage.Save(tx, shelfLog, key, row); err != nil {
		return err
	}
	if l.LogRows++; l.LogRows <= logRows+logSpare {
		return nil
	}
	oldest, err := tx.Scan(shelfLog, "", logSpare, false)
	if err != nil {
		return err
	}
	for _, it := range oldest {
		if err := tx.Drop(shelfLog, it.Key); err != nil {
			return err
		}
	}
	l.LogRows -= len(oldest)
	return nil
}

// SyncLog returns the newest rows of the sync log, newest first.
func (s *Site) SyncLog(ctx context.Context, limit int) ([]Cycle, error) {
	var out []Cycle
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		out, err = storage.Listed[Cycle](r, shelfLog, "", limit, true)
		return err
	})
	return out, err
}

// Refused returns what the centre told this site it quarantined, newest first.
func (s *Site) Refused(ctx context.Context, limit int) ([]exchange.Refusal, error) {
	var out []exchange.Refusal
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		out, err = storage.Listed[exchange.Refusal](r, shelfNo, "", limit, true)
		return err
	})
	return out, err
}
