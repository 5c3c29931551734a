package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// TestR_H_41_Bundle: what is written comes back; a file that was cut anywhere, or
// in which a byte was changed, says so.
func TestR_H_41_Bundle(t *testing.T) {
	id := atoll.DeriveID("bundle")
	frames := []exchange.Frame{
		exchange.Welcome{Protocol: 1, Catalogue: 1, App: "test", Centre: atoll.NewTimeline(), Run: "0a1b2c3d", Known: atoll.Head{Seq: 3, Hash: atoll.Hash{1}}},
		exchange.Receipt{},
		exchange.Subscription{Audiences: []atoll.Audience{atoll.All, "site/2"}},
		exchange.Record{Position: 5, Key: atoll.Key{Type: "item", ID: id}, Version: 1, Origin: atoll.Origin{Site: 1, Seq: 2}, Body: []byte(`{"name":"x"}`)},
		exchange.Checkpoint{Position: 9},
		exchange.End{Cursor: 9, Head: 9},
	}
	var file bytes.Buffer
	err := WriteBundle(&file, func(yield func(exchange.Frame, error) bool) {
		for _, f := range frames {
			if !yield(f, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) (out []exchange.Frame, err error) {
		for f, ferr := range ReadBundle(bytes.NewReader(b)) {
			if ferr != nil {
				return out, ferr
			}
			out = append(out, f)
		}
		return out, nil
	}
	got, err := read(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(frames, got); d != "" {
		t.Errorf("(-written +read)\n%s", d)
	}
	for n := range file.Len() {
		if got, err := read(file.Bytes()[:n]); err == nil {
			t.Fatalf("cut after %d bytes of %d, it reads as %d frames", n, file.Len(), len(got))
		}
	}
	for n := range file.Len() {
		b := bytes.Clone(file.Bytes())
		b[n] ^= 0x40
		if got, err := read(b); err == nil && !cmp.Equal(got, frames) {
			t.Errorf("with byte %d changed it reads as something else", n)
		}
	}
}
