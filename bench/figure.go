package bench

import (
	"cmp"
	"math"
	"runtime/pprof"
	"slices"
	"time"
)

// Figure is one thing that was measured, several times.
type Figure struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Runs are the values, in the order in which they were measured; Floor those of
	// the bare loop, each measured beside the one at the same place.
	Runs  []float64 `json:"runs"`
	Floor []float64 `json:"floor,omitempty"`
	// Value, Bare and Ratio are medians with the range of all runs. Ratio is that of
	// each pair.
	Value Spread  `json:"value"`
	Bare  *Spread `json:"bare,omitempty"`
	Ratio *Spread `json:"ratio,omitempty"`

	Target  *Target `json:"target,omitempty"`
	Verdict Verdict `json:"verdict,omitempty"`
}

// Spread is a median, and the least and most it is the median of.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Target is what a figure is to be.
type Target struct {
	AtLeast bool    `json:"at_least"` // otherwise at most
	Value   float64 `json:"value"`
	Ratio   bool    `json:"ratio"` // it is about the ratio to the floor, not about the value
}

// Verdict says whether a target was met by the median.
type Verdict string

// The verdicts. A figure without a target has none.
const (
	Met    Verdict = "met"
	Missed Verdict = "missed"
)

func spread(v []float64) Spread {
	if len(v) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(v))
	mid := len(s) / 2
	median := s[mid]
	if len(s)%2 == 0 {
		median = (s[mid-1] + s[mid]) / 2
	}
	return Spread{median, s[0], s[len(s)-1]}
}

// figure works a figure out from its runs. Without a floor, floor is nil.
func figure(name, unit string, runs, floor []float64, target *Target) Figure {
	f := Figure{Name: name, Unit: unit, Runs: runs, Floor: floor, Value: spread(runs), Target: target}
	if len(floor) > 0 {
		bare := spread(floor)
		ratios := make([]float64, 0, len(runs))
		for i := range min(len(runs), len(floor)) {
			ratios = append(ratios, runs[i]/floor[i])
		}
		ratio := spread(ratios)
		f.Bare, f.Ratio = &bare, &ratio
	}
	if target == nil {
		return f
	}
	is := f.Value.Median
	if target.Ratio {
		is = f.Ratio.Median
	}
	f.Verdict = Missed
	if (target.AtLeast && is >= target.Value) || (!target.AtLeast && is <= target.Value) {
		f.Verdict = Met
	}
	return f
}

func (r *run) add(f Figure) { r.result.Figures = append(r.result.Figures, f) }

func atLeast(value float64) *Target      { return &Target{AtLeast: true, Value: value} }
func atMost(value float64) *Target       { return &Target{Value: value} }
func ratioAtLeast(value float64) *Target { return &Target{AtLeast: true, Value: value, Ratio: true} }

// percentile returns the p-th part of the values, from 0 to 1.
func percentile[T cmp.Ordered](values []T, p float64) T {
	var none T
	if len(values) == 0 {
		return none
	}
	s := slices.Sorted(slices.Values(values))
	return s[min(int(math.Ceil(p*float64(len(s))))-1, len(s)-1)]
}

// stopwatch measures wall time and the processor time of this process.
type stopwatch struct {
	wall     time.Time
	cpu      time.Duration
	profiles bool
}

func start() stopwatch { return stopwatch{wall: time.Now(), cpu: cpuTime()} }

// watch is start for our side: what it does from here on goes into the profile, if
// one is wanted, the first time.
func (r *run) watch() stopwatch {
	s := start()
	if r.Profile != nil && !r.profiled {
		r.profiled = pprof.StartCPUProfile(r.Profile) == nil
		s.profiles = r.profiled
	}
	return s
}

// stop returns the seconds since the start.
func (s stopwatch) stop() (wall, cpu float64) {
	if s.profiles {
		pprof.StopCPUProfile()
	}
	return time.Since(s.wall).Seconds(), (cpuTime() - s.cpu).Seconds()
}

// pairs measures both sides in turns, changing which goes first, and returns the
// values of each.
func (r *run) pairs(ours, bare func() (measured, error)) (a, b []measured, err error) {
	for i := range r.runs {
		r.say(i, r.runs, "pair %d of %d", i+1, r.runs)
		first, second := ours, bare
		if i%2 == 1 {
			first, second = bare, ours
		}
		x, err := first()
		if err != nil {
			return a, b, err
		}
		y, err := second()
		if err != nil {
			return a, b, err
		}
		if i%2 == 1 {
			x, y = y, x
		}
		a, b = append(a, x), append(b, y)
	}
	return a, b, nil
}

// measured is one run of one side: how much in how long.
type measured struct {
	n         float64 // records or cycles
	wall, cpu float64 // seconds
	latencies []time.Duration
}

func rates(runs []measured) (out []float64) {
	for _, m := range runs {
		out = append(out, m.n/m.wall)
	}
	return out
}

// cpuRates are what one processor would do: n for each second of processor time.
// They hardly feel who else uses the machine.
func cpuRates(runs []measured) (out []float64) {
	for _, m := range runs {
		if m.cpu > 0 {
			out = append(out, m.n/m.cpu)
		}
	}
	return out
}

// addRates adds the rate, which has the target, and the rate by processor time,
// which has none.
func (r *run) addRates(what string, a, b []measured, target *Target) {
	r.add(figure(what, "1/s", rates(a), rates(b), target))
	if ours, bare := cpuRates(a), cpuRates(b); len(ours) == len(a) && len(bare) == len(b) {
		r.add(figure(what+", by processor time", "1/cpu s", ours, bare, nil))
	}
}
