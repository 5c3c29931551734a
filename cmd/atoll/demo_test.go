package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/atollsync/atoll/demo"
)

// demoRun runs the program and returns its status and what it wrote.
func demoRun(t *testing.T, args ...string) (int, []byte, string) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out, errOut bytes.Buffer
	status := run(t.Context(), append([]string{"demo", "--once"}, args...), strings.NewReader(""), &out, &errOut)
	return status, out.Bytes(), errOut.String()
}

// TestDemoJSON: one JSON document, and nothing else.
func TestDemoJSON(t *testing.T) {
	status, out, errOut := demoRun(t, "--json", "--only", "R-C-40,R-C-44")
	if status != exitOK || errOut != "" {
		t.Fatalf("status %d, %s", status, errOut)
	}
	d := json.NewDecoder(bytes.NewReader(out))
	var r demo.Report
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("something follows the document: %v", err)
	}
	if r.Held != 2 || len(r.Scenarios) != 2 || !r.Well() {
		t.Errorf("%d held of %d", r.Held, len(r.Scenarios))
	}
}

// TestDemoNotHeld: a scenario that does not hold is told, and the status is 5.
func TestDemoNotHeld(t *testing.T) {
	status, out, errOut := demoRun(t, "--only", "R-C-61", "--leave-out", "3")
	if status != exitBadness || errOut != "" {
		t.Errorf("status %d, %s", status, errOut)
	}
	if !strings.Contains(string(out), "NOT HELD") {
		t.Errorf("it was not told: %s", out)
	}
}

// TestDemoList: every scenario with its part, in the order of playing.
func TestDemoList(t *testing.T) {
	status, out, errOut := demoRun(t, "--list")
	if status != exitOK || errOut != "" {
		t.Fatalf("status %d, %s", status, errOut)
	}
	for _, s := range demo.Scenarios() {
		if !strings.Contains(string(out), s.ID+" ") || !strings.Contains(string(out), s.Part) {
			t.Errorf("%s, in %s, is not listed", s.ID, s.Part)
		}
	}
}

// TestDemoStory: scenarios that were chosen are told step by step.
func TestDemoStory(t *testing.T) {
	status, out, errOut := demoRun(t, "--only", "R-D-89")
	if status != exitOK || errOut != "" {
		t.Fatalf("status %d, %s", status, errOut)
	}
	for _, words := range []string{"finalising it while it is on hold is refused", "+ in transit: 0", "1 held, 0 not held"} {
		if !strings.Contains(string(out), words) {
			t.Errorf("it does not tell %q:\n%s", words, out)
		}
	}
}

func TestDemoArguments(t *testing.T) {
	for _, args := range [][]string{{"--only", "R-X-1"}, {"--data", t.TempDir()}, {"--data", "no such file"}} {
		if status, out, errOut := demoRun(t, args...); status != exitRefused || len(out) > 0 || errOut == "" {
			t.Errorf("%v: status %d, %s%s", args, status, out, errOut)
		}
	}
}
