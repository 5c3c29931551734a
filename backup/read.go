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

	"github.com/klauspost/compress/zstd"

	"github.com/atollsync/atoll"
)

// Read returns what the backup says of itself. The files in it were not looked at.
func Read(path string) (Manifest, error) {
	a, err := open(context.Background(), path, nil)
	if err != nil {
		return Manifest{}, err
	}
	defer a.close()
	return a.manifest()
}

// Unpack writes the files of the backup into the directory, which must exist, and
// returns its manifest. Nothing there is replaced. It fails with atoll.Damaged when
// a file is missing or is not what the manifest says, and with atoll.OldProtocol for
// a backup of a later program. With an error the directory is to be thrown away.
func Unpack(ctx context.Context, path, dir string, progress Progress) (Manifest, error) {
	return unpack(ctx, path, dir, progress)
}

// unpack is Unpack; with no directory it only compares.
func unpack(ctx context.Context, path, dir string, progress Progress) (Manifest, error) {
	a, err := open(ctx, path, progress)
	if err != nil {
		return Manifest{}, err
	}
	defer a.close()
	m, err := a.manifest()
	if err != nil {
		return m, err
	}
	for _, f := range m.Files {
		if err := a.take(f, dir); err != nil {
			return m, err
		}
	}
	if _, err := a.tar.Next(); !errors.Is(err, io.EOF) {
		return m, a.damaged("it holds more than its manifest says")
	}
	// To the end of what is compressed: its checksum stands there.
	if _, err := io.Copy(io.Discard, a.plain); err != nil {
		return m, a.trouble(err)
	}
	if dir != "" {
		syncDirectory(dir)
	}
	return m, nil
}

// archive is an open backup.
type archive struct {
	path  string
	file  *os.File
	plain *zstd.Decoder
	tar   *tar.Reader
}

func open(ctx context.Context, path string, progress Progress) (*archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, failed("open the backup", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = atoll.Errorf(atoll.Invalid, "%s is a directory", path).Do("name a backup in it")
	}
	if err != nil {
		return nil, errors.Join(failed("open the backup", err), f.Close())
	}
	from := reader{ctx, f, func(n int64) { progress.tell("read", n, info.Size()) }, new(int64)}
	z, err := zstd.NewReader(from, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &archive{path, f, z, tar.NewReader(z)}, nil
}

func (a *archive) close() {
	a.plain.Close()
	_ = a.file.Close()
}

func (a *archive) damaged(format string, args ...any) error {
	return atoll.Errorf(atoll.Damaged, "the backup is damaged: "+format, args...).About(a.path).Do("use another backup; copy this one again if it was copied")
}

// trouble is an error that came while the file was read.
func (a *archive) trouble(err error) error {
	var e *atoll.Error
	var p *fs.PathError
	if errors.Is(err, context.Canceled) || errors.As(err, &e) || errors.As(err, &p) {
		return failed("read the backup", err)
	}
	return a.damaged("%w", err)
}

func (a *archive) manifest() (m Manifest, err error) {
	h, err := a.tar.Next()
	var p *fs.PathError
	if errors.As(err, &p) || errors.Is(err, context.Canceled) {
		return m, failed("read the backup", err)
	}
	if err != nil || h.Name != manifestName || h.Size > maxManifest {
		return m, atoll.Errorf(atoll.Invalid, "%s is not a backup, or its beginning is damaged", a.path).
			Do("a backup is made with: atoll backup FILE")
	}
	b, err := io.ReadAll(a.tar)
	if err != nil {
		return m, a.trouble(err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, a.damaged("its manifest cannot be read: %w", err)
	}
	if m.Format != format {
		return m, atoll.Errorf(atoll.OldProtocol, "the backup has format %d; this program knows %d", m.Format, format).
			About(a.path).Do("use the program that made it (%s), or a later one", m.App)
	}
	return m, nil
}

// take reads the next file, which must be this one.
func (a *archive) take(f File, dir string) error {
	h, err := a.tar.Next()
	if err != nil {
		return a.trouble(err)
	}
	if h.Name != f.Name || h.Size != f.Size || h.Typeflag != tar.TypeReg {
		return a.damaged("it has %s where its manifest has %s", h.Name, f.Name)
	}
	if !fs.ValidPath(f.Name) || strings.ContainsAny(f.Name, `\:`) || len(f.Name) > maxName || f.Name == "." {
		return a.damaged("%q is no name for a file", f.Name)
	}
	sum := sha256.New()
	if dir == "" {
		_, err = io.Copy(sum, a.tar)
	} else {
		err = place(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Mode, io.TeeReader(a.tar, sum))
	}
	if err != nil {
		return a.trouble(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return a.damaged("%s is not what the manifest says: its checksum differs", f.Name)
	}
	return nil
}

// place writes a new file, and has it on the disk.
func place(path string, mode fs.FileMode, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return failed("unpack", err)
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode.Perm()&^0o077|0o600)
	if err != nil {
		return failed("unpack", err)
	}
	_, err = io.Copy(out, from)
	if err == nil {
		err = out.Chmod(mode.Perm()) // whatever the umask says
	}
	return errors.Join(err, out.Sync(), out.Close())
}
