package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

// suffix ends the names of backups in a directory of them.
const suffix = ".tar.zst"

// Named returns a path in the directory for a backup of the installation, made at
// that moment, at which there is nothing yet.
func Named(dir string, m Manifest) (string, error) {
	stem := filepath.Join(dir, label(m)+m.Made.UTC().Format("20060102-150405"))
	for n := 1; ; n++ {
		path := stem + suffix
		if n > 1 {
			path = fmt.Sprintf("%s-%d%s", stem, n, suffix)
		}
		err := Free(path)
		if !errors.Is(err, atoll.Exists) {
			return path, err
		}
	}
}

func label(m Manifest) string {
	if m.Site == atoll.CentreID {
		return "atoll-centre-"
	}
	return fmt.Sprintf("atoll-site-%d-", m.Site)
}

// Kept is a backup in a directory of them.
type Kept struct {
	Path  string   `json:"path"`
	Bytes int64    `json:"bytes"`
	What  Manifest `json:"what"`
}

// List returns the backups in the directory, oldest first, and the files that look
// like backups and cannot be read.
func List(dir string) (kept []Kept, odd []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, failed("list the backups", err)
	}
	for _, f := range files {
		if !f.Type().IsRegular() || !strings.HasSuffix(f.Name(), suffix) {
			continue
		}
		path := filepath.Join(dir, f.Name())
		m, err := Read(path)
		info, ierr := f.Info()
		if err != nil || ierr != nil {
			odd = append(odd, path)
			continue
		}
		kept = append(kept, Kept{path, info.Size(), m})
	}
	slices.SortFunc(kept, func(a, b Kept) int {
		if c := a.What.Made.Compare(b.What.Made); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
	return kept, odd, nil
}

// Rotate removes backups of the same installation from the directory but for the
// newest ones, and the newest of each of the last months (see Spare). Backups of
// other installations, and what cannot be read, stay. Half-written ones that an
// interrupted backup of this installation left go; nobody else may be making one. It
// returns what was removed.
func Rotate(dir string, of Manifest, newest, months int) ([]string, error) {
	all, _, err := List(dir)
	if err != nil {
		return nil, err
	}
	var ours []Kept
	var made []time.Time
	for _, k := range all {
		if k.What.System == of.System && k.What.Site == of.Site {
			ours, made = append(ours, k), append(made, k.What.Made)
		}
	}
	gone, err := filepath.Glob(filepath.Join(dir, label(of)+"*.part*"))
	if err != nil {
		return nil, err
	}
	for i, spare := range Spare(made, newest, months) {
		if !spare {
			gone = append(gone, ours[i].Path)
		}
	}
	for i, path := range gone {
		if err := os.Remove(path); err != nil {
			return gone[:i], failed("remove an old backup", err)
		}
	}
	return gone, nil
}

// Spare says of backups, given by when they were made, oldest first, which are kept:
// the newest ones, and the last one of each of the last months that have any.
func Spare(made []time.Time, newest, months int) []bool {
	out := make([]bool, len(made))
	seen := map[string]bool{}
	for i := len(made) - 1; i >= 0; i-- {
		month := made[i].UTC().Format("2006-01")
		first := !seen[month]
		seen[month] = true
		out[i] = len(made)-1-i < newest || first && len(seen) <= months
	}
	return out
}
