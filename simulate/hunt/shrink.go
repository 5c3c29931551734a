package hunt

import (
	"context"
	"maps"
	"regexp"
	"slices"
)

// Shrink makes a story that breaks a law short: it leaves out steps, in halves at
// first and one by one in the end, turns dials to zero, and takes sites away, as long
// as the same law is broken. It returns the shortest story it found, played, and how
// many it played; it stops at so many, or when ctx ends. The result breaks the law
// unless the story given does not.
//
// One law is broken in many ways. A shorter story counts when it breaks the law in the
// way the long one does, names and numbers aside; when there is no such, none is taken
// for it.
func Shrink(ctx context.Context, s Story, law string, most int) (Result, int) {
	h := &shrinker{ctx: ctx, law: law, most: most}
	if !h.breaks(s) {
		return h.best, h.plays
	}
	for again := true; again; {
		again = h.steps()
		again = h.dials() || again
		again = h.sites() || again
	}
	return h.best, h.plays
}

type shrinker struct {
	ctx   context.Context // one shrinker is one search
	law   string
	ways  []string // in which the long story breaks it
	best  Result   // the shortest that breaks the law
	plays int
	most  int
}

// breaks plays a story, and keeps it if it breaks the law.
func (h *shrinker) breaks(s Story) bool {
	if h.over() {
		return false
	}
	h.plays++
	r, err := Play(h.ctx, s)
	if h.ctx.Err() != nil {
		return false
	}
	broke := err == nil && r.Broke(h.law)
	if h.plays == 1 {
		h.best, h.ways = r, r.ways(h.law)
		return broke
	}
	broke = broke && slices.ContainsFunc(r.ways(h.law), func(way string) bool { return slices.Contains(h.ways, way) })
	if broke {
		h.best = r
	}
	return broke
}

// special is what differs between two cases of one fault: ids, hashes, numbers, names
// of stores, quoted text.
var special = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|"[^"]*"|\b[A-Z]\d+\b|-?\d+(\.\d+)?`)

// ways are the ways in which the result breaks the law, names and numbers aside.
func (r Result) ways(law string) []string {
	var out []string
	for _, b := range r.Breaches {
		if b.Law == law {
			out = append(out, special.ReplaceAllString(b.Words, "…"))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (h *shrinker) over() bool { return h.plays > 0 && (h.ctx.Err() != nil || h.plays >= h.most) }

// steps leaves out runs of steps, long ones first.
func (h *shrinker) steps() (shorter bool) {
	for size := max(1, len(h.best.Story.Steps)/2); size >= 1 && !h.over(); size /= 2 {
		for from := len(h.best.Story.Steps) - size; from >= -size+1 && !h.over(); from -= size {
			s := h.best.Story
			at := max(from, 0)
			end := min(from+size, len(s.Steps))
			if at >= end {
				continue
			}
			s.Steps = slices.Concat(s.Steps[:at], s.Steps[end:])
			shorter = h.breaks(s) || shorter
		}
	}
	return shorter
}

// dials turns faults off.
func (h *shrinker) dials() (fewer bool) {
	for _, name := range slices.Sorted(maps.Keys(h.best.Story.Dials)) {
		s := h.best.Story
		if s.Dials[name] == 0 {
			continue
		}
		s.Dials = maps.Clone(s.Dials)
		s.Dials[name] = 0
		fewer = h.breaks(s) || fewer
	}
	return fewer
}

// sites plays the story on a smaller system.
func (h *shrinker) sites() (fewer bool) {
	for n := 1; n < h.best.Story.Sites; n++ {
		s := h.best.Story
		s.Sites = n
		if h.breaks(s) {
			return true
		}
	}
	return false
}
