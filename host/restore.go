package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/backup"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/station"
)

// Restored is what a restore came to.
type Restored struct {
	Backup backup.Manifest `json:"backup"`
	Data   string          `json:"data"`
	// Kept are the files that were in the place of restored ones, under their new
	// names.
	Kept []string `json:"kept,omitempty"`
	// OtherMachine says that the backup was made on a machine of another identity.
	OtherMachine bool `json:"other_machine,omitempty"`
}

// replaced begins the names of what was replaced and is kept.
const replaced = "before-"

// restoring begins the names of directories that a restore works in.
const restoring = ".restore-"

// Restore makes an installation of a backup in the data directory: nothing is
// changed there before the whole backup was found to be well. The database goes on
// under a new timeline (R-H-13); a centre begins a run of its own. Where there is an
// installation already, it fails with atoll.Exists unless that is to be replaced, and
// with atoll.Busy while it is served; what is replaced is kept beside. A restore that
// was interrupted is begun again.
func Restore(ctx context.Context, c Config, file string, replace bool, progress backup.Progress) (Restored, error) {
	c = c.withDefaults()
	out := Restored{Data: c.Data}
	m, err := backup.Read(file)
	if err != nil {
		return out, err
	}
	out.Backup, out.OtherMachine = m, m.Device != digest("backup", c.Device)
	if Exists(c.Data) && !replace {
		return out, atoll.Errorf(atoll.Exists, "there is an installation in %s", c.Data).
			Do("name an empty directory with --data; or put the backup in its place with --replace: it is kept beside")
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return out, atoll.Errorf(atoll.Unavailable, "the directory cannot be made: %w", err).Do("check the path")
	}
	release, err := c.stopped(ctx)
	if err != nil {
		return out, err
	}
	defer release()
	old, err := filepath.Glob(filepath.Join(c.Data, restoring+"*"))
	if err != nil {
		return out, err
	}
	for _, dir := range old { // of a restore that was interrupted
		if err := os.RemoveAll(dir); err != nil {
			return out, err
		}
	}
	dir, err := os.MkdirTemp(c.Data, restoring)
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	if _, err := backup.Unpack(ctx, file, dir, progress); err != nil {
		return out, err
	}
	if err := c.renew(ctx, dir); err != nil {
		return out, err
	}
	out.Kept, err = c.put(dir, m, replace)
	return out, err
}

// stopped makes sure that no program serves or synchronises the installation.
func (c Config) stopped(ctx context.Context) (release func(), err error) {
	serving, err := c.alone(ctx)
	if err != nil {
		return nil, err
	}
	f := flock.New(filepath.Join(c.Data, "sync.lock"))
	ok, err := f.TryLock()
	if err == nil && !ok {
		err = atoll.Errorf(atoll.Busy, "another program is synchronising this site").Do("wait until it is done")
	}
	if err != nil {
		serving()
		return nil, err
	}
	return func() { _ = f.Unlock(); serving() }, nil
}

// renew lets the database in dir go on as a restored one.
func (c Config) renew(ctx context.Context, dir string) error {
	c.Data = dir
	var err error
	h := newHost(c)
	if h.Catalogue, err = catalogue.WithDirectory(c.types(dir)); err != nil {
		return err
	}
	if h.Store, err = c.engine(ctx); err != nil {
		return err
	}
	if err = h.assemble(ctx); err == nil {
		if h.Station.Identity.Role == station.Central {
			err = h.Centre.Renew(ctx)
		} else {
			err = h.Site.Renew(ctx)
		}
	}
	return errors.Join(err, h.Close())
}

// types is the directory with the record types of the operator's own: the one that
// is configured, where it is there, or the one in the backup.
func (c Config) types(dir string) string {
	for _, name := range []string{c.Catalogue, filepath.Join(dir, ownTypes)} {
		if info, err := os.Stat(name); name != "" && err == nil && info.IsDir() {
			return name
		}
	}
	return ""
}

// put moves what was unpacked in dir into the data directory, the database last.
// What is there and differs is kept under another name, if it may be replaced.
func (c Config) put(dir string, m backup.Manifest, replace bool) (kept []string, err error) {
	stamp, err := c.aside(replaced)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range m.Files {
		if f.Name == database {
			continue
		}
		now := filepath.Join(c.Data, filepath.FromSlash(f.Name))
		have, err := os.ReadFile(now)
		if errors.Is(err, os.ErrNotExist) {
			names = append(names, f.Name)
			continue
		}
		if err != nil {
			return nil, err
		}
		restored, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil {
			return nil, err
		}
		if bytes.Equal(have, restored) {
			continue
		}
		if !replace {
			return nil, atoll.Errorf(atoll.Exists, "%s holds another %s than the backup", c.Data, f.Name).
				Do("name an empty directory with --data; or replace it with --replace: it is kept beside")
		}
		names = append(names, f.Name)
	}
	for _, name := range names {
		now := filepath.Join(c.Data, filepath.FromSlash(name))
		if _, err := os.Lstat(now); err == nil {
			aside := filepath.Join(c.Data, stamp+"-"+path.Base(name))
			kept = append(kept, aside)
			if err := move(now, aside); err != nil {
				return kept, err
			}
		}
		if err := os.MkdirAll(filepath.Dir(now), 0o700); err != nil {
			return kept, err
		}
		if err := os.Rename(filepath.Join(dir, filepath.FromSlash(name)), now); err != nil {
			return kept, err
		}
	}
	if Exists(c.Data) {
		kept = append(kept, filepath.Join(c.Data, stamp+".db"))
	}
	if err := c.putAside(stamp); err != nil {
		return kept, err
	}
	at := filepath.Join(c.Data, database)
	for _, suffix := range []string{"-wal", ""} { // closing it has left no log; if it has, it comes along
		if err := move(filepath.Join(dir, database)+suffix, at+suffix); err != nil {
			return kept, err
		}
	}
	return kept, syncDirectory(c.Data)
}

// putAside renames the database of the data directory, if there is one, to a name that
// begins with stem. Its log, with its last transactions, comes along, also that of a
// database that was being put aside when the program was cut short.
func (c Config) putAside(stem string) error {
	at, aside := filepath.Join(c.Data, database), filepath.Join(c.Data, stem+".db")
	if Exists(c.Data) {
		if err := move(at, aside); err != nil {
			return err
		}
	} else if last := c.lastAside(); last != "" {
		aside = last
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := move(at+suffix, aside+suffix); err != nil {
			return err
		}
	}
	return nil
}

// move renames a file, if it is there.
func move(from, to string) error {
	err := os.Rename(from, to)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// lastAside returns the database that was put aside last and has no log beside it, or
// nothing.
func (c Config) lastAside() string {
	found, err := filepath.Glob(filepath.Join(c.Data, replaced+"*.db"))
	if err != nil || len(found) == 0 {
		return ""
	}
	for i := range found {
		found[i] = strings.TrimSuffix(found[i], ".db") // so that "-2" of the same second comes later
	}
	last := slices.Max(found) + ".db"
	if _, err := os.Lstat(last + "-wal"); err == nil {
		return ""
	}
	return last
}

// aside returns what the names of files that are put aside now begin with: no file in
// the data directory does yet.
func (c Config) aside(prefix string) (string, error) {
	stem := prefix + c.Now().UTC().Format("20060102-150405")
	for n := 1; ; n++ {
		name := stem
		if n > 1 {
			name = fmt.Sprintf("%s-%d", stem, n)
		}
		found, err := filepath.Glob(filepath.Join(c.Data, name+"*"))
		if err != nil || len(found) == 0 {
			return name, err
		}
	}
}

// syncDirectory makes new names survive a power cut, where directories can be synced.
func syncDirectory(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	_ = d.Sync() // Windows refuses, and needs it not
	return d.Close()
}
