package support

import (
	"archive/zip"
	"encoding/json"
	"io"
	"time"
)

// Bundle is one ZIP file, written as it grows. The first failure is kept and stops the
// rest; End tells it.
type Bundle struct {
	zip *zip.Writer
	at  time.Time
	err error
}

// NewBundle begins one.
func NewBundle(w io.Writer, at time.Time) *Bundle { return &Bundle{zip: zip.NewWriter(w), at: at} }

// Part adds a file.
func (b *Bundle) Part(name string, write func(io.Writer) error) {
	if b.err != nil {
		return
	}
	var w io.Writer
	if w, b.err = b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: b.at.UTC()}); b.err == nil {
		b.err = write(w)
	}
}

// JSON adds a value; err is what making it came to. What could not be made is told in
// its place: a bundle is wanted most where something fails.
func (b *Bundle) JSON(name string, value any, err error) {
	if err != nil {
		value = map[string]string{"failed": Plain(err)}
	}
	b.Part(name, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(value)
	})
}

// End ends the file.
func (b *Bundle) End() error {
	if b.err != nil {
		return b.err
	}
	return b.zip.Close()
}
