package demo

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs the demo in this process and returns what it found.
func play(t *testing.T, o Options, spoil ...func(*Demo)) *Report {
	t.Helper()
	report, _ := told(t, o, spoil...)
	return report
}

// told is play, with what was told.
func told(t *testing.T, o Options, spoil ...func(*Demo)) (*Report, string) {
	t.Helper()
	var out bytes.Buffer
	o.Dir, o.Out = t.TempDir(), &out
	d, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spoil {
		s(d)
	}
	report, err := d.Play(t.Context())
	if cerr := d.Close(); cerr != nil {
		t.Error(cerr)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range strings.Split(out.String(), "\n") {
		if n := len([]rune(l)); n > width {
			t.Errorf("line %d is %d characters wide: %s", i+1, n, l)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
	return report, out.String()
}

// TestWorkedExample plays every scenario of the worked example; each is a test
// under its number.
func TestWorkedExample(t *testing.T) {
	for _, fixture := range []struct {
		name     string
		mirrored bool
	}{{"F1", false}, {"F2", true}} {
		t.Run(fixture.name, func(t *testing.T) {
			if fixture.mirrored && testing.Short() {
				t.Skip("F1 only, in short")
			}
			r, out := told(t, Options{Mirrored: fixture.mirrored, Seed: 1, Story: fixture.mirrored})
			if !fixture.mirrored {
				inTable(t, out)
			}
			if len(r.Scenarios) != len(scenarios) {
				t.Errorf("%d scenarios were played; the programme has %d", len(r.Scenarios), len(scenarios))
			}
			for _, s := range r.Scenarios {
				t.Run(s.ID, func(t *testing.T) {
					switch {
					case s.Verdict == Absent, s.Verdict == Elsewhere && !fixture.mirrored:
						t.Skip(s.Why)
					case s.Verdict != Held:
						t.Errorf("%s: %s\n%s", s.Title, s.Verdict, strings.Join(s.Why, "\n"))
					}
				})
			}
			if !r.Well() {
				t.Errorf("the system is not well: %+v", r.Summary)
			}
		})
	}
}

// inTable wants each scenario to be told in one line, under the title of its part.
func inTable(t *testing.T, out string) {
	t.Helper()
	part, seen := "", map[string]string{}
	for l := range strings.Lines(out) {
		l = strings.TrimRight(l, "\n")
		if slices.ContainsFunc(scenarios, func(s scenario) bool { return s.part == l }) {
			part = l
		}
		if id := strings.Fields(l); strings.HasPrefix(l, "  R-") {
			if seen[id[0]] != "" {
				t.Errorf("%s is told twice", id[0])
			}
			seen[id[0]] = part
		}
	}
	for _, s := range scenarios {
		if seen[s.id] != s.part {
			t.Errorf("%s is told under %q; want %q", s.id, seen[s.id], s.part)
		}
	}
}

// TestAnotherSeed draws other stock, cuts and orders.
func TestAnotherSeed(t *testing.T) {
	if testing.Short() {
		t.Skip("one seed, in short")
	}
	r := play(t, Options{Seed: 20260301, Only: []string{"R-C-100", "R-C-101", "R-C-102", "R-C-103"}})
	if !r.Well() || r.Held != 4 {
		t.Errorf("%d held, %d did not: %+v", r.Held, r.NotHeld, r.Scenarios)
	}
}

// verdicts wants the scenarios to be held, or not held with a reason.
func verdicts(t *testing.T, r *Report, want map[string]Verdict) {
	t.Helper()
	if r.Well() {
		t.Error("the demo is well")
	}
	if len(r.Scenarios) != len(want) {
		t.Errorf("%d scenarios were played; want %d", len(r.Scenarios), len(want))
	}
	for _, s := range r.Scenarios {
		if w := want[s.ID]; s.Verdict != w || (w == NotHeld) != (len(s.Why) > 0) {
			t.Errorf("%s is %q (%v); want %q with a reason", s.ID, s.Verdict, s.Why, w)
		}
	}
}

func ids(want map[string]Verdict) (out []string) {
	for id := range want {
		out = append(out, id)
	}
	return out
}

// TestFaultsAreNoticed leaves out a sync that a scenario needs: it must not be
// held. What needs nothing of that site is.
func TestFaultsAreNoticed(t *testing.T) {
	want := map[string]Verdict{
		"R-C-40": Held, "R-C-53": NotHeld, "R-C-61": NotHeld, "R-C-70": NotHeld, "R-C-100": NotHeld,
		"R-D-80": NotHeld, "R-D-82": NotHeld, "R-D-84": Held, "R-D-87": NotHeld, "R-D-93": NotHeld,
		"R-E-40": NotHeld, "R-E-45": NotHeld, "R-E-49": Held,
		"R-F-20": NotHeld, "R-F-22": NotHeld, "R-G-48": NotHeld, "R-H-39": NotHeld, "R-C-104": NotHeld,
	}
	verdicts(t, play(t, Options{Only: ids(want), LeaveOut: secondSite}), want)
}

// TestBrokenRulesAreNoticed takes rules out of the programs of all sites: what
// they keep from happening happens, and is told.
func TestBrokenRulesAreNoticed(t *testing.T) {
	each := func(spoil func(*station.Station)) func(*Demo) {
		return func(d *Demo) {
			for _, p := range d.world.all() {
				spoil(p.host.Station)
			}
		}
	}
	for _, row := range []struct {
		name  string
		spoil func(*station.Station)
		want  map[string]Verdict
	}{
		{
			"no laws", func(s *station.Station) { s.Door.Judge.Rules, s.Door.Judge.Laws = nil, nil },
			map[string]Verdict{"R-D-83": NotHeld, "R-E-44": NotHeld, "R-D-80": Held},
		},
		{
			"nothing follows from anything", func(s *station.Station) { s.Processors.Kinds = nil },
			map[string]Verdict{"R-D-80": NotHeld, "R-D-92": NotHeld, "R-E-40": NotHeld, "R-G-48": NotHeld, "R-H-39": NotHeld, "R-F-26": Held},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := play(t, Options{Only: ids(row.want)}, each(row.spoil))
			verdicts(t, r, row.want)
		})
	}
}

// TestProgramme holds the programme to the acceptance list.
func TestProgramme(t *testing.T) {
	wanted := map[string]string{
		"R-C-": `40 41 42 43 44 45 46 47 49 50 51 52 53 54 55 56 60 61 62 63 70 71 72 73 80 81 82 90 91 92 93 94 95
			100 101 102 103 104 105 106`,
		"R-D-": "80 81 82 83 84 85 86 87 88 89 90 91 92 93", "R-E-": "40 41 42 43 44 45 46 47 48 49",
		"R-F-": "20 21 22 23 24 25 26", "R-G-": "48", "R-H-": "39",
	}
	there := map[string]bool{}
	for _, s := range Scenarios() {
		if there[s.ID] {
			t.Errorf("%s is there twice", s.ID)
		}
		there[s.ID] = true
		if n := len(strings.Fields(s.Title)); n > 9 || s.Title == "" {
			t.Errorf("the title of %s has %d words: %s", s.ID, n, s.Title)
		}
	}
	for letter, numbers := range wanted {
		for n := range strings.FieldsSeq(numbers) {
			if !there[letter+n] {
				t.Errorf("%s%s is missing", letter, n)
			}
		}
	}
}

func TestUnknownScenario(t *testing.T) {
	if _, err := Start(t.Context(), Options{Only: []string{"R-C-999"}}); atoll.CodeOf(err) != atoll.NotFound {
		t.Errorf("got %v", err)
	}
}

// TestNothingIsHeldUnseen: a scenario that looks at nothing is not held.
func TestNothingIsHeldUnseen(t *testing.T) {
	d := &Demo{Options: Options{Now: func() (now time.Time) { return now }}, told: &teller{out: io.Discard}, world: &world{}}
	r := d.play(t.Context(), 0, scenario{id: "R-C-1", title: "Nothing", run: func(*stage) {}})
	if r.Verdict != NotHeld {
		t.Errorf("it was %q", r.Verdict)
	}
}

func TestMedicines(t *testing.T) {
	list, err := medicines()
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for _, m := range list {
		if codes[m.code] || m.name == "" || m.unit == "" || m.pack == "" || m.price == "" {
			t.Errorf("medicine %+v", m)
		}
		codes[m.code] = true
	}
	if len(list) < 150 {
		t.Errorf("%d medicines", len(list))
	}
}

func TestCapture(t *testing.T) {
	r := play(t, Options{Capture: "../gateway/msupply/testdata/small.json", Only: []string{"R-C-43", "R-C-53", "R-D-80", "R-D-84", "R-E-40"}})
	if !r.Well() || r.Held != 5 {
		t.Errorf("%+v", r)
	}
}
