package wire

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/atollsync/atoll"
)

// busyFor is how long a site is asked to wait when there is no better guess.
const busyFor = 5 * time.Second

// gauge holds the rate limits (R-K-51).
type gauge struct {
	all   *rate.Limiter
	sites buckets[atoll.SiteID]
	wrong buckets[string]
}

func newGauge(l Limits) *gauge {
	return &gauge{
		all:   rate.NewLimiter(rate.Limit(l.TotalRate), l.TotalBurst),
		sites: buckets[atoll.SiteID]{rate: l.SiteRate, burst: l.SiteBurst},
		wrong: buckets[string]{rate: l.WrongRate, burst: l.WrongBurst},
	}
}

func (g *gauge) total(now time.Time) error {
	_, err := take(g.all, now, "the central server is busy")
	return err
}

func (g *gauge) site(now time.Time, site atoll.SiteID) error {
	_, err := take(g.sites.of(now, site), now, "the site asks too often")
	return err
}

// attempt runs try, which presents a credential, and counts it against the
// address if it fails. The attempt is paid for beforehand and given back, so
// that a hundred at once do not all see the last coin.
func (g *gauge) attempt(now time.Time, address string, try func() error) error {
	paid, err := take(g.wrong.of(now, address), now, "too many wrong attempts from this address")
	if err != nil {
		return err
	}
	err = try()
	if err == nil {
		paid.CancelAt(now)
	}
	return err
}

// take takes one token or says when there will be one.
func take(l *rate.Limiter, now time.Time, message string) (*rate.Reservation, error) {
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if r.OK() && wait <= 0 {
		return r, nil
	}
	r.CancelAt(now)
	return nil, busy(time.Duration(math.Ceil(wait.Seconds()))*time.Second, "%s", message)
}

// maxBuckets bounds the memory that strangers can fill.
const maxBuckets = 20000

// buckets are rate limiters by key. A full bucket is as good as none.
type buckets[K comparable] struct {
	rate  float64
	burst int
	mu    sync.Mutex
	m     map[K]*rate.Limiter
}

func (b *buckets[K]) of(now time.Time, key K) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.m[key]; l != nil {
		return l
	}
	if b.m == nil {
		b.m = make(map[K]*rate.Limiter)
	}
	if len(b.m) >= maxBuckets {
		b.shrink(now)
	}
	l := rate.NewLimiter(rate.Limit(b.rate), b.burst)
	b.m[key] = l
	return l
}

// shrink drops the full buckets, and when that frees less than a tenth, others
// too: under attack from that many addresses the limit on the whole must do.
func (b *buckets[K]) shrink(now time.Time) {
	for key, l := range b.m {
		if l.TokensAt(now) >= float64(b.burst) {
			delete(b.m, key)
		}
	}
	for key := range b.m {
		if len(b.m) <= maxBuckets*9/10 {
			return
		}
		delete(b.m, key)
	}
}
