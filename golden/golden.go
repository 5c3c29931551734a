// Package golden compares what tests make with files of the tree. Run with -update, the
// tests write those files instead; read the difference before you commit it.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files and generated pages anew")

// Update tells whether the tests are to write files, rather than to compare with them.
func Update() bool { return *update }

// File fails the test if the file, named from the test's directory, is not got.
func File(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		write(t, file, got)
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: go test -update writes it", err)
	}
	differ(t, file, string(want), got)
}

// Between fails the test if what stands in the file behind the mark begin, up to the
// mark end, or to the end of the file if that is "", is not got.
func Between(t testing.TB, file, begin, end, got string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, told, found := strings.Cut(string(text), begin)
	if !found {
		t.Fatalf("%s has no %q, behind which this is to stand", file, begin)
	}
	after := ""
	if end != "" {
		if told, after, found = strings.Cut(told, end); !found {
			t.Fatalf("%s has no %q behind %q", file, end, begin)
		}
	}
	if *update {
		write(t, file, before+begin+got+end+after)
		return
	}
	differ(t, file, told, got)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func differ(t testing.TB, file, want, got string) {
	t.Helper()
	if d := cmp.Diff(strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")); d != "" {
		t.Errorf("%s is another (-it +made now); run with -update and read the difference\n%s", file, d)
	}
}
