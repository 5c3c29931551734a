package demo

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/atollsync/atoll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs the demo in this process and returns what it found.
func play(t *testing.T, o Options) *Report {
	t.Helper()
	var story bytes.Buffer
	o.Dir, o.Out = t.TempDir(), &story
	d, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	report, err := d.Play(t.Context())
	if cerr := d.Close(); cerr != nil {
		t.Error(cerr)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range strings.Split(story.String(), "\n") {
		if n := len([]rune(l)); n > width {
			t.Errorf("line %d is %d characters wide: %s", i+1, n, l)
		}
	}
	if t.Failed() {
		t.Log(story.String())
	}
	return report
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
			r := play(t, Options{Mirrored: fixture.mirrored, Seed: 1})
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

// TestFaultsAreNoticed leaves out what a scenario needs: it must not be held.
func TestFaultsAreNoticed(t *testing.T) {
	only := []string{"R-C-40", "R-C-53", "R-C-61", "R-C-70", "R-C-100"}
	r := play(t, Options{Only: only, LeaveOut: secondSite})
	if r.Well() {
		t.Error("the demo is well although site 3 never synchronised")
	}
	for _, s := range r.Scenarios {
		want := NotHeld
		if s.ID == "R-C-40" { // it needs nothing of site 3
			want = Held
		}
		if s.Verdict != want || (want == NotHeld) != (len(s.Why) > 0) {
			t.Errorf("%s is %q (%v); want %q with a reason", s.ID, s.Verdict, s.Why, want)
		}
	}
}

// TestProgramme holds the programme to the acceptance list.
func TestProgramme(t *testing.T) {
	wanted := strings.Fields(`40 41 42 43 44 45 46 47 49 50 51 52 53 54 55 56 60 61 62 63 70 71 72 73 80 81 82 90 91 92 93 94 95
		100 101 102 103 104 105 106`)
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
	for _, n := range wanted {
		if !there["R-C-"+n] {
			t.Errorf("R-C-%s is missing", n)
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
	d := &Demo{Options: Options{Now: func() (now time.Time) { return now }}, told: &teller{out: io.Discard}}
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
	r := play(t, Options{Capture: "../gateway/msupply/testdata/small.json", Only: []string{"R-C-43", "R-C-53"}})
	if !r.Well() || r.Held != 2 {
		t.Errorf("%+v", r)
	}
}
