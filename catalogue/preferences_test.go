package catalogue

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestR_B_96_Preferences: every preference has a default it may have, a sentence
// and a row, and stands in order.
func TestR_B_96_Preferences(t *testing.T) {
	for i, p := range Preferences {
		if err := p.Check(json.RawMessage(p.Default)); err != nil {
			t.Errorf("the default of %s: %v", p.Key, err)
		}
		if p.Says == "" || len(p.Rows) == 0 || !p.System && !p.Store {
			t.Errorf("%s is not told in full: %+v", p.Key, p)
		}
		if i > 0 && p.Key <= Preferences[i-1].Key {
			t.Errorf("%s is out of order", p.Key)
		}
		for _, bad := range []string{`[]`, `null`, `-1`, `"nonsense"`, `{`} {
			if err := p.Check(json.RawMessage(bad)); err == nil {
				t.Errorf("%s may be %s", p.Key, bad)
			}
		}
	}
	if p, _ := FindPreference(CentralProcurement); p.Check(json.RawMessage(`{"on":true,"except":[2]}`)) != nil {
		t.Error("central procurement cannot have exceptions")
	}
	if p, _ := FindPreference(RepeatsEverywhere); p.Check(json.RawMessage(`{"on":true}`)) == nil {
		t.Error("a plain yes or no may be an object")
	}
}

// What the code asks for by a literal key is in the list.
func TestR_B_96_NoPreferenceIsForgotten(t *testing.T) {
	asked := regexp.MustCompile(`(?:preference\([^"()]*,|\.Prefers\(|\.PrefersAt\(|\.Preference\(|StorePreference\([^"()]*,)\s*"([a-z_]+)"`)
	seen := 0
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range asked.FindAllStringSubmatch(string(b), -1) {
			seen++
			if !slices.ContainsFunc(Preferences, func(p Preference) bool { return p.Key == m[1] }) {
				t.Errorf("%s asks for the preference %q, which is not in the list", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 4 {
		t.Errorf("only %d places found", seen)
	}
}
