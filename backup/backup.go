// Package backup is an installation in one file: the database as it was at one
// moment, and everything beside it that is needed to go on elsewhere, with a
// manifest that says what it is and a checksum for each part. It knows nothing of
// databases: package host puts an installation in and takes it out.
//
// The file is a tar archive compressed with zstd. Its first member is
// manifest.json; the others are the files that the manifest lists, in its order.
// Other tools can read it: tar --zstd -tf FILE.
package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/atollsync/atoll"
)

const (
	format       = 1
	manifestName = "manifest.json"
	maxManifest  = 1 << 20
	maxName      = 200
	maxWindow    = 64 << 20 // bytes of memory that a hostile file may make a reader use
)

// Manifest says what a backup is of, and what is in it.
type Manifest struct {
	Format int       `json:"format"`
	Made   time.Time `json:"made"`
	App    string    `json:"app"` // version of the program that made it

	Role   string       `json:"role"` // central or site
	System atoll.ID     `json:"system,omitempty"`
	Site   atoll.SiteID `json:"site"`
	Name   string       `json:"name"`
	Device string       `json:"device"` // digest of the identity of the machine it was made on

	// The moment it is from: the newest position in the database; timeline and last
	// entry of the installation's own journal; how much there is.
	Position  atoll.Position `json:"position"`
	Timeline  atoll.Timeline `json:"timeline,omitempty"`
	Seq       uint64         `json:"seq"`
	Records   int            `json:"records"` // neither deleted nor hidden
	Entries   uint64         `json:"entries"` // in all journals of the database
	Catalogue int            `json:"catalogue"`

	// Outside are files that the installation uses and that are not in the backup:
	// they are not in its directory, and somebody else looks after them.
	Outside []string `json:"outside,omitempty"`
	Files   []File   `json:"files"`
}

// File is one file in a backup.
type File struct {
	Name   string      `json:"name"` // with slashes, below the data directory
	Size   int64       `json:"size"`
	Mode   fs.FileMode `json:"mode"` // permissions
	SHA256 string      `json:"sha256"`
}

// Source is a file to be put into a backup.
type Source struct {
	Name string // in the backup
	Path string // on the disk
}

// Progress is told how far a step has come, in bytes.
type Progress func(step string, done, total int64)

func (p Progress) tell(step string, done, total int64) {
	if p != nil {
		p(step, done, total)
	}
}

// Write makes a backup at path of the sources, with what else the manifest says, and
// returns the manifest. The backup was read back and compared, and is on the disk,
// when Write returns; until then the file has another name, so that half a backup is
// never taken for one. It fails with atoll.Exists when there is a file at path.
func Write(ctx context.Context, path string, m Manifest, sources []Source, progress Progress) (Manifest, error) {
	if err := Free(path); err != nil {
		return m, err
	}
	m.Format, m.Files = format, nil
	for _, s := range sources {
		f, err := measure(ctx, s, progress)
		if err != nil {
			return m, failed("read "+s.Path, err)
		}
		m.Files = append(m.Files, f)
	}
	part := path + ".part"
	done := false
	defer func() {
		if !done {
			_ = os.Remove(part)
		}
	}()
	if err := write(ctx, part, m, sources, progress); err != nil {
		return m, failed("write the backup", err)
	}
	if _, err := unpack(ctx, part, "", progress); err != nil {
		return m, err
	}
	if err := os.Rename(part, path); err != nil {
		return m, failed("name the backup", err)
	}
	done = true
	syncDirectory(filepath.Dir(path))
	return m, nil
}

// Free fails with atoll.Exists when there is something at path, and with
// atoll.NotFound when there is no directory for it.
func Free(path string) error {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err := os.Stat(filepath.Dir(path))
		return failed("write to "+path, err)
	}
	if err != nil {
		return failed("look at "+path, err)
	}
	return atoll.Errorf(atoll.Exists, "%s exists already", path).Do("choose another name: a backup never replaces a file")
}

func measure(ctx context.Context, s Source, progress Progress) (File, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	h := sha256.New()
	n, err := io.Copy(h, reader{ctx, f, func(n int64) { progress.tell("measure", n, info.Size()) }, new(int64)})
	return File{Name: s.Name, Size: n, Mode: info.Mode().Perm(), SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

func write(ctx context.Context, path string, m Manifest, sources []Source, progress Progress) error {
	// Made for its permissions: a backup is as secret as what it is of.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := member(t, manifestName, int64(len(text)), 0o600, m.Made, strings.NewReader(string(text))); err != nil {
		return err
	}
	total, done := m.Size(), new(int64)
	for i, s := range sources {
		in, err := os.Open(s.Path)
		if err != nil {
			return err
		}
		from := reader{ctx, io.LimitReader(in, m.Files[i].Size), func(n int64) { progress.tell("write", n, total) }, done}
		err = errors.Join(member(t, s.Name, m.Files[i].Size, m.Files[i].Mode, m.Made, from), in.Close())
		if err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close(), f.Sync(), f.Close())
}

func member(t *tar.Writer, name string, size int64, mode fs.FileMode, at time.Time, from io.Reader) error {
	err := t.WriteHeader(&tar.Header{Name: name, Size: size, Mode: int64(mode.Perm()), ModTime: at, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = io.Copy(t, from)
	return err
}

// Size is how many bytes the files have together.
func (m Manifest) Size() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// reader reads until ctx ends, and tells how much was read.
type reader struct {
	ctx  context.Context //nolint:containedctx // of the one copy it is made for
	from io.Reader
	tell func(done int64)
	done *int64
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(p)
	*r.done += int64(n)
	r.tell(*r.done)
	return n, err
}

// failed puts a failure of the file system into words.
func failed(doing string, err error) error {
	var e *atoll.Error
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.As(err, &e):
		return err
	case errors.Is(err, syscall.ENOSPC):
		return atoll.Errorf(atoll.DiskFull, "cannot %s: the disk is full", doing).Do("make room, or name another place")
	case errors.Is(err, fs.ErrNotExist):
		return atoll.Errorf(atoll.NotFound, "cannot %s: %w", doing, err).Do("check the path and that its directory exists")
	case errors.Is(err, fs.ErrPermission):
		return atoll.Errorf(atoll.Denied, "cannot %s: %w", doing, err).Do("run atoll as the user the directory belongs to")
	default:
		return atoll.Errorf(atoll.Unavailable, "cannot %s: %w", doing, err)
	}
}

// syncDirectory makes a new name survive a power cut, where directories can be
// synced.
func syncDirectory(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync() // Windows refuses, and needs it not
		_ = d.Close()
	}
}
