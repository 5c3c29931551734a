package site

import (
	"sync"
	"time"

	"github.com/atollsync/atoll/exchange"
)

// Bounds of a batch (R-K-52): about five seconds of work, between 10 and 500.
const (
	target     = 5 * time.Second
	leastBatch = 10
	mostBatch  = 500
	leastBytes = 64 << 10
	mostBytes  = 4 << 20
	firstBytes = 1 << 20
)

// pace sizes batches by how fast the last ones went: a slow link shrinks them, a
// fast one grows them.
type pace struct {
	mu        sync.Mutex
	perRecord time.Duration // 0: not measured yet
	perByte   float64       // nanoseconds; of content
	most      int           // records, as set by a person; 0: no limit
}

// BatchSize returns the number of records for about five seconds at the measured
// pace.
func BatchSize(perRecord time.Duration) int {
	if perRecord <= 0 {
		return mostBatch
	}
	return min(max(int(target/perRecord), leastBatch), mostBatch)
}

func (p *pace) entries() int { return min(p.records(), exchange.MaxEntries) }

func (p *pace) records() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := BatchSize(p.perRecord)
	if p.most > 0 {
		n = min(n, p.most)
	}
	return n
}

// limit sets the largest batch (R-H-45).
func (p *pace) limit(most int) {
	p.mu.Lock()
	p.most = most
	p.mu.Unlock()
}

func (p *pace) bytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.perByte == 0 {
		return firstBytes
	}
	return min(max(int(float64(target)/p.perByte), leastBytes), mostBytes)
}

// measured notes how long an exchange took for how much: records, and bytes of their
// content, before compression, which is what limits are about. A small exchange says
// nothing: its time is that of the round trip.
func (p *pace) measured(took time.Duration, records int, bytes int64) {
	if took <= 0 || records < leastBatch {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := took / time.Duration(records)
	if p.perRecord > 0 {
		now = (p.perRecord + now) / 2
	}
	p.perRecord = now
	if bytes > 0 {
		b := float64(took) / float64(bytes)
		if p.perByte > 0 {
			b = (p.perByte + b) / 2
		}
		p.perByte = b
	}
}
