package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/backup"
)

var made = time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)

// sources are two files, one of them in a directory and readable by others.
func sources(t *testing.T) []backup.Source {
	t.Helper()
	dir := t.TempDir()
	out := []backup.Source{{Name: "atoll.db", Path: filepath.Join(dir, "db")}, {Name: "catalogue/own.yaml", Path: filepath.Join(dir, "own")}}
	for i, mode := range []os.FileMode{0o600, 0o644} {
		text := bytes.Repeat([]byte{byte('a' + i), '\n', byte(i * 7)}, 40_000*(2-i))
		if err := os.WriteFile(out[i].Path, text, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(out[i].Path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func write(t *testing.T, path string, m backup.Manifest) []backup.Source {
	t.Helper()
	from := sources(t)
	m.Made = made
	if _, err := backup.Write(t.Context(), path, m, from, nil); err != nil {
		t.Fatal(err)
	}
	return from
}

// What was put in comes out, with its permissions, and the manifest says what it is.
func TestBackupComesOutAsItWentIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	from := write(t, path, backup.Manifest{Site: 7, Name: "North", Position: 12})
	m, err := backup.Read(path)
	if err != nil || m.Site != 7 || m.Name != "North" || m.Position != 12 || !m.Made.Equal(made) || len(m.Files) != 2 {
		t.Fatalf("the manifest is %+v, %v", m, err)
	}
	dir := t.TempDir()
	if _, err := backup.Unpack(t.Context(), path, dir, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range from {
		want, _ := os.ReadFile(s.Path)
		was, _ := os.Stat(s.Path)
		got, err := os.ReadFile(filepath.Join(dir, s.Name))
		now, serr := os.Stat(filepath.Join(dir, s.Name))
		if err != nil || serr != nil || !bytes.Equal(got, want) || now.Mode() != was.Mode() {
			t.Errorf("%s came out with %d bytes and mode %v (%v); want %d and %v", s.Name, len(got), now.Mode(), err, len(want), was.Mode())
		}
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v", info.Mode())
	}
	if _, err := backup.Write(t.Context(), path, m, from, nil); !errors.Is(err, atoll.Exists) {
		t.Errorf("a second backup at its place: %v", err)
	}
	if _, err := backup.Unpack(t.Context(), path, dir, nil); err == nil {
		t.Error("files were replaced")
	}
}

// A backup that was interrupted has no name, and leaves nothing.
func TestInterruptedBackupLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	stop := func(step string, _, _ int64) {
		if step == "write" {
			cancel()
		}
	}
	if _, err := backup.Write(ctx, filepath.Join(dir, "b"), backup.Manifest{}, sources(t), stop); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
}

// A backup that lost its end, or in which one byte changed, is noticed wherever that
// is. What reads as a backup is the same backup.
func TestDamageIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	from := write(t, path, backup.Manifest{})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, at int, b []byte) {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		_, err := backup.Unpack(t.Context(), bad, dir, nil)
		if err == nil && what == "changed" { // where it means nothing
			for _, s := range from {
				want, _ := os.ReadFile(s.Path)
				if got, err := os.ReadFile(filepath.Join(dir, s.Name)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("changed at %d of %d: %s is another, unseen", at, len(whole), s.Name)
				}
			}
			return
		}
		if !errors.Is(err, atoll.Damaged) && !errors.Is(err, atoll.Invalid) && !errors.Is(err, atoll.OldProtocol) {
			t.Errorf("%s at %d of %d: %v", what, at, len(whole), err)
		}
	}
	step := max(1, len(whole)/97)
	for at := 0; at < len(whole); at += step {
		try("cut", at, whole[:at])
		b := slices.Clone(whole)
		b[at] ^= 0x40
		try("changed", at, b)
	}
	try("longer", len(whole), append(slices.Clone(whole), "more"...))
}

// archive makes a file that looks like a backup.
func archive(t *testing.T, m backup.Manifest, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range append([]string{"manifest.json"}, names...) {
		body := []byte("x")
		if i == 0 {
			body = text
		}
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o600})); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "b")
	if err := errors.Join(w.Close(), z.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// Nothing is written outside the directory, whatever a backup names its files; a
// file too many or too few, and one of a later program, are told.
func TestHostileBackups(t *testing.T) {
	const x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" // of "x"
	of := func(format int, names ...string) backup.Manifest {
		m := backup.Manifest{Format: format}
		for _, n := range names {
			m.Files = append(m.Files, backup.File{Name: n, Size: 1, Mode: 0o600, SHA256: x})
		}
		return m
	}
	for _, c := range []struct {
		name string
		m    backup.Manifest
		in   []string
		want atoll.Code
	}{
		{"good", of(1, "a"), []string{"a"}, ""},
		{"above the directory", of(1, "../a"), []string{"../a"}, atoll.Damaged},
		{"from the root", of(1, "/tmp/a"), []string{"/tmp/a"}, atoll.Damaged},
		{"of another system", of(1, `..\a`), []string{`..\a`}, atoll.Damaged},
		{"the directory itself", of(1, "."), []string{"."}, atoll.Damaged},
		{"twice", of(1, "a", "a"), []string{"a", "a"}, atoll.Unavailable},
		{"missing", of(1, "a", "b"), []string{"a"}, atoll.Damaged},
		{"too many", of(1, "a"), []string{"a", "b"}, atoll.Damaged},
		{"another", of(1, "a"), []string{"b"}, atoll.Damaged},
		{"of a later program", of(2, "a"), []string{"a"}, atoll.OldProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "in")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := backup.Unpack(t.Context(), archive(t, c.m, c.in...), dir, nil)
			if atoll.CodeOf(err) != c.want {
				t.Errorf("%v; want %q", err, c.want)
			}
			if beside, _ := os.ReadDir(filepath.Dir(dir)); len(beside) != 1 {
				t.Errorf("beside the directory there are %v", beside)
			}
		})
	}
}

// Rotation keeps the newest, and the last of each month; it never touches backups of
// others, or what it cannot read.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	days := []string{"2026-08-30", "2026-08-31", "2026-09-30", "2026-10-01", "2026-10-31", "2026-11-19", "2026-11-20", "2026-11-21"}
	of := backup.Manifest{System: "s", Site: 7}
	for _, day := range days {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []backup.Manifest{{System: "s", Site: 7, Made: at}, {System: "other", Site: 7, Made: at}} {
			path, err := backup.Named(dir, m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := backup.Write(t.Context(), path, m, sources(t), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	odd := filepath.Join(dir, "atoll-site-7-20200101-000000.tar.zst")
	half := filepath.Join(dir, "atoll-site-7-20261120-020000.tar.zst.part")
	for _, name := range []string{odd, half} {
		if err := os.WriteFile(name, []byte("?"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := backup.Rotate(dir, of, 2, 3)
	if err != nil || len(gone) != 5 || !slices.Contains(gone, half) {
		t.Errorf("it removed %v, %v", gone, err)
	}
	kept, unread, err := backup.List(dir)
	if err != nil || !slices.Equal(unread, []string{odd}) {
		t.Errorf("unreadable are %v, %v; want %s", unread, err, odd)
	}
	var ours, others []string
	for _, k := range kept {
		if k.What.System == of.System {
			ours = append(ours, k.What.Made.Format(time.DateOnly))
		} else {
			others = append(others, k.What.Made.Format(time.DateOnly))
		}
	}
	if want := []string{"2026-09-30", "2026-10-31", "2026-11-20", "2026-11-21"}; !slices.Equal(ours, want) {
		t.Errorf("kept are %v; want %v", ours, want)
	}
	if !slices.Equal(others, days) {
		t.Errorf("of another installation %v are left", others)
	}
}
