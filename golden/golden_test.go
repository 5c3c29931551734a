package golden_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atollsync/atoll/golden"
)

// told is a test that only notes what it would say.
type told struct {
	testing.TB
	text string
}

func (t *told) Helper()                           {}
func (t *told) Errorf(format string, args ...any) { t.text += fmt.Sprintf(format, args...) }
func (t *told) Fatal(args ...any)                 { t.Fatalf("%s", fmt.Sprint(args...)) }
func (t *told) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	panic(t)
}

func TestDifferencesAreTold(t *testing.T) {
	if golden.Update() {
		t.Skip("run with -update: nothing is compared")
	}
	file := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(file, []byte("one\n<!-- table -->\ntwo\n<!-- end -->\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		check func(testing.TB)
		says  string // "": it passes
	}{
		"the same":        {func(t testing.TB) { golden.File(t, file, "one\n<!-- table -->\ntwo\n<!-- end -->\nthree\n") }, ""},
		"another":         {func(t testing.TB) { golden.File(t, file, "one\n") }, "three"},
		"the same part":   {func(t testing.TB) { golden.Between(t, file, "<!-- table -->\n", "<!-- end -->", "two\n") }, ""},
		"another part":    {func(t testing.TB) { golden.Between(t, file, "<!-- table -->\n", "<!-- end -->", "2\n") }, "two"},
		"the same rest":   {func(t testing.TB) { golden.Between(t, file, "<!-- end -->\n", "", "three\n") }, ""},
		"another rest":    {func(t testing.TB) { golden.Between(t, file, "<!-- end -->\n", "", "3\n") }, "three"},
		"no such place":   {func(t testing.TB) { golden.Between(t, file, "<!-- list -->", "", "") }, "list"},
		"a place no end":  {func(t testing.TB) { golden.Between(t, file, "two", "<!-- fin -->", "") }, "fin"},
		"no such file":    {func(t testing.TB) { golden.File(t, file+"2", "") }, "page2"},
		"no file at all":  {func(t testing.TB) { golden.Between(t, file+"2", "a", "b", "") }, "page2"},
		"a line too many": {func(t testing.TB) { golden.File(t, file, "one\n<!-- table -->\ntwo\n<!-- end -->\nthree\nfour\n") }, "four"},
	} {
		t.Run(name, func(t *testing.T) {
			tb := &told{TB: t}
			func() {
				defer func() {
					if p := recover(); p != nil && p != any(tb) {
						panic(p)
					}
				}()
				c.check(tb)
			}()
			if (c.says == "") != (tb.text == "") || !strings.Contains(tb.text, c.says) {
				t.Errorf("it says %q, want %q in it", tb.text, c.says)
			}
		})
	}
}
