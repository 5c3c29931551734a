package site

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// Times of the driver.
const (
	firstRetry = 5 * time.Second // doubling up to the interval (R-K-41)
	debounce   = 2 * time.Second // between a change here and the sync it asks for
	jitter     = 0.2             // of every wait, so that sites do not come at once
	mostAsked  = time.Hour       // the centre, or a proxy before it, cannot silence a site for longer
)

// Run drives cycles until ctx ends: by the interval, after changes here, and on
// request. After a failure that time may mend it waits 5 seconds, then twice as
// long each time up to the interval; after a refusal that only a person can mend
// it waits the whole interval. When the other end asked for a longer wait
// (exchange.RetryAfter) it gets that, up to an hour, and changes here do not cut it
// short; a request by hand does. Settings are read anew for each wait, so changes
// take effect at once. It returns ctx's error.
func (s *Site) Run(ctx context.Context) error {
	failures := 0
	wait := spread(time.Second) // begin soon after starting
	asked := false              // the wait was asked for
	for {
		manual, err := s.wait(ctx, wait, asked)
		asked = false
		if err != nil {
			return err
		}
		set, err := s.Settings(ctx)
		if err != nil {
			return err
		}
		if set.Disabled || (set.Paused && !manual) {
			failures, wait = 0, set.Interval
			continue
		}
		_, err = s.Cycle(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			failures = 0
			wait = spread(set.Interval)
		case Passing(atoll.CodeOf(err)):
			failures++
			wait = spread(Backoff(failures, set.Interval))
		default:
			failures = 0
			wait = spread(set.Interval)
		}
		if after, ok := exchange.RetryAfter(err); ok {
			// Never earlier than asked, and not all at once.
			if least := late(min(after, mostAsked)); least > wait {
				wait, asked = least, true
			}
		}
		if err != nil {
			s.Log.InfoContext(ctx, "sync is tried again", "code", string(atoll.CodeOf(err)), "err", err, "in", wait.String())
		}
	}
}

// wait returns when the time is over, when something changed here a moment ago
// (unless the whole time must pass), or when a sync was asked for; manual is true
// for the last.
func (s *Site) wait(ctx context.Context, d time.Duration, whole bool) (manual bool, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	nudge := s.nudge
	if whole {
		nudge = nil // it is kept for the next wait
	}
	var soon <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-s.wake:
			return true, nil
		case <-timer.C:
			return false, nil
		case <-soon:
			return false, nil
		case <-nudge:
			if soon == nil {
				t := time.NewTimer(debounce)
				defer t.Stop()
				soon = t.C
			}
		}
	}
}

// Backoff returns how long to wait after so many failures in a row.
func Backoff(failures int, interval time.Duration) time.Duration {
	d := firstRetry
	for i := 1; i < failures && d < interval; i++ {
		d *= 2
	}
	return min(d, interval)
}

// Passing reports whether time alone may mend a failure with this code (R-K-40).
func Passing(c atoll.Code) bool {
	switch c {
	case atoll.Unavailable, atoll.Interrupted, atoll.Busy, atoll.Damaged, atoll.Internal:
		return true
	default:
		return false
	}
}

func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + jitter*(2*rand.Float64()-1)))
}

// late spreads a wait that must not be shorter.
func late(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + jitter*rand.Float64()))
}

// Settings returns what people chose about synchronisation here.
func (s *Site) Settings(ctx context.Context) (Settings, error) {
	var set Settings
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		set, err = loadSettings(r)
		return err
	})
	return set, err
}

// Configure changes the settings. Pausing and disabling go on capturing changes
// (R-I-08).
func (s *Site) Configure(ctx context.Context, by string, fn func(*Settings)) error {
	err := s.Store.Update(ctx, func(tx storage.Tx) error {
		set, err := loadSettings(tx)
		if err != nil {
			return err
		}
		fn(&set)
		if set.Interval < time.Second || set.Interval > 31*24*time.Hour {
			return atoll.Errorf(atoll.Invalid, "an interval of %s is not possible", set.Interval).
				On("interval").Do("choose between one second and 31 days; pause to stop")
		}
		if set.Batch != 0 && (set.Batch < leastBatch || set.Batch > mostBatch) {
			return atoll.Errorf(atoll.Invalid, "a batch of %d records is not possible", set.Batch).
				On("batch").Do("choose between %d and %d; 0 leaves it to how fast the line is", leastBatch, mostBatch)
		}
		set.By, set.Since = by, s.Now()
		return storage.Save(tx, shelfSync, "settings", set)
	})
	if err == nil {
		s.Nudge()
	}
	return err
}
