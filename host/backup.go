package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/backup"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// beside are the files of a data directory that a backup holds beside the database:
// the configuration, the key that sites pin, and work that could not be sent.
var beside = []string{"atoll.yaml", "tls-cert.pem", "tls-key.pem", "unsent-*.jsonl"}

// ownTypes is where a backup has record types of the operator's own that are not in
// the data directory.
const ownTypes = "catalogue"

// Backup makes a backup of this installation at path: the database at one moment,
// while it is in use, and what is needed beside it. It fails with atoll.Exists when
// there is a file at path.
func (h *Host) Backup(ctx context.Context, path string, progress backup.Progress) (backup.Manifest, error) {
	release, err := h.oneBackup()
	if err != nil {
		return backup.Manifest{}, err
	}
	defer release()
	return h.backup(ctx, path, progress)
}

// BackupInto makes a backup under a name of its own in a directory of them, and then
// removes those of this installation that are to be kept no longer: all but the
// newest ones, and the last of each of the last months. It returns where the backup
// is and what was removed. Newest 0 removes nothing.
func (h *Host) BackupInto(ctx context.Context, dir string, newest, months int, progress backup.Progress) (path string, m backup.Manifest, removed []string, err error) {
	release, err := h.oneBackup()
	if err != nil {
		return "", m, nil, err
	}
	defer release()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", m, nil, atoll.Errorf(atoll.Unavailable, "the directory of the backups cannot be made: %w", err)
	}
	id := h.Station.Identity
	if path, err = backup.Named(dir, backup.Manifest{Site: id.Site, Made: h.Now()}); err != nil {
		return "", m, nil, err
	}
	if m, err = h.backup(ctx, path, progress); err != nil || newest == 0 {
		return path, m, nil, err
	}
	removed, err = backup.Rotate(dir, m, newest, months)
	return path, m, removed, err
}

// oneBackup makes sure that one program makes a backup of the installation.
func (h *Host) oneBackup() (release func(), err error) {
	f := flock.New(filepath.Join(h.Data, "backup.lock"))
	ok, err := f.TryLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, atoll.Errorf(atoll.Busy, "another program is making a backup of %s", h.Data).Do("wait until it is done")
	}
	return func() { _ = f.Unlock() }, nil
}

func (h *Host) backup(ctx context.Context, path string, progress backup.Progress) (m backup.Manifest, err error) {
	if err := backup.Free(path); err != nil {
		return m, err
	}
	copied := path + ".part-db" // where there is room for the backup, there is for this
	clean := func() {
		for _, name := range []string{copied, copied + ".part"} {
			_ = os.Remove(name)
		}
	}
	clean()
	defer clean()
	if err := h.copyDatabase(ctx, copied, progress); err != nil {
		return m, err
	}
	if m, err = h.describe(ctx, copied); err != nil {
		return m, err
	}
	sources, outside, err := h.beside()
	if err != nil {
		return m, err
	}
	m.Outside = outside
	return backup.Write(ctx, path, m, append([]backup.Source{{Name: database, Path: copied}}, sources...), progress)
}

// copyDatabase has the engine write a copy, and tells how it grows.
func (h *Host) copyDatabase(ctx context.Context, to string, progress backup.Progress) error {
	if progress != nil {
		var total int64
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(filepath.Join(h.Data, database+suffix)); err == nil {
				total += info.Size()
			}
		}
		done, watching := make(chan struct{}), make(chan struct{})
		defer func() { close(done); <-watching }()
		go func() {
			defer close(watching)
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
					if info, err := os.Stat(to + ".part"); err == nil {
						progress("copy", min(info.Size(), total), total)
					}
				}
			}
		}()
	}
	return h.Store.Backup(ctx, to)
}

// describe says what the copy of the database is of.
func (h *Host) describe(ctx context.Context, copied string) (m backup.Manifest, err error) {
	id := h.Station.Identity
	m = backup.Manifest{
		Made: h.Now().UTC().Truncate(time.Second), App: h.App, Role: string(id.Role), System: id.System, Site: id.Site,
		Name: id.Name, Device: digest("backup", h.Device), Catalogue: h.Catalogue.Version(),
	}
	s, err := h.reading(ctx, copied)
	if err != nil {
		return m, err
	}
	st, err := standingOf(ctx, s)
	m.Position, m.Records, m.Entries = st.position, st.records, st.entries
	if own, ok := st.heads[id.Site]; ok {
		m.Timeline, m.Seq = own.Timeline, own.Seq
	}
	return m, errors.Join(err, s.Close())
}

// standing is where a database stands.
type standing struct {
	identity station.Identity
	position atoll.Position
	records  int
	entries  uint64
	heads    map[atoll.SiteID]atoll.Head
}

func standingOf(ctx context.Context, s storage.Store) (out standing, err error) {
	if out.identity, err = station.LoadIdentity(ctx, s); err != nil {
		return out, err
	}
	return out, s.View(ctx, func(r storage.Reader) error {
		if out.position, err = r.LastPosition(); err != nil {
			return err
		}
		counts, err := r.CountRecords()
		if err != nil {
			return err
		}
		for _, n := range counts {
			out.records += n
		}
		if out.heads, err = r.Journals(); err != nil {
			return err
		}
		for site, head := range out.heads {
			base, err := r.Base(site)
			if err != nil {
				return err
			}
			out.entries += head.Seq - base.Seq
		}
		return nil
	})
}

// beside lists what a backup holds beside the database, and what is used and is not
// in it.
func (h *Host) beside() (sources []backup.Source, outside []string, err error) {
	seen := map[string]bool{}
	add := func(name, path string) {
		if !seen[name] {
			seen[name] = true
			sources = append(sources, backup.Source{Name: name, Path: path})
		}
	}
	for _, pattern := range beside {
		found, err := filepath.Glob(filepath.Join(h.Data, pattern))
		if err != nil {
			return nil, nil, err
		}
		for _, path := range found {
			add(filepath.Base(path), path)
		}
	}
	for _, path := range []string{h.File, h.TLSCert, h.TLSKey} {
		if path == "" {
			continue
		}
		name, inside := h.inside(path)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if inside {
			add(name, path)
		} else {
			outside = append(outside, path)
		}
	}
	if h.Config.Catalogue == "" {
		return sources, outside, nil
	}
	types, err := filepath.Glob(filepath.Join(h.Config.Catalogue, "*"))
	for _, path := range types {
		info, serr := os.Stat(path)
		if serr != nil || !info.Mode().IsRegular() {
			continue
		}
		name, inside := h.inside(path)
		if !inside {
			name = ownTypes + "/" + filepath.Base(path)
		}
		add(name, path)
	}
	return sources, outside, err
}

// inside returns the name of the file below the data directory, if it is there.
func (h *Host) inside(path string) (string, bool) {
	data, err := filepath.Abs(h.Data)
	full, ferr := filepath.Abs(path)
	if err != nil || ferr != nil {
		return "", false
	}
	name, err := filepath.Rel(data, full)
	name = filepath.ToSlash(name)
	return name, err == nil && name != ".." && !strings.HasPrefix(name, "../")
}
