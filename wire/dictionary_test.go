package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/golden"
)

// dictionaryHash holds the dictionary of protocol 1 still: once a site is in the
// field, another one is another protocol.
const dictionaryHash = "8b56882fae97f9822b03107a3d7ef6c3bee570a58fe1bd35c17afdd55bae5514"

// plainStream writes a stream without compressing it.
type plainStream struct{ bytes.Buffer }

func (*plainStream) Flush() error { return nil }
func (*plainStream) Close() error { return nil }

// uncompressed returns frames as they are inside the compression.
func uncompressed(t testing.TB, write func(w *frameWriter)) []byte {
	t.Helper()
	var out plainStream
	write(&frameWriter{out: &out})
	return out.Bytes()
}

// makeDictionary builds the dictionary: a text to copy from, and tables of how
// often each byte and length comes, from samples.
func makeDictionary(t *testing.T) []byte {
	const seed = 1
	s := newSampler(seed)
	request := func(entries ...exchange.Entry) []byte {
		return uncompressed(t, func(w *frameWriter) {
			h := s.hello()
			b, _ := encodeHello(&h)
			must(t, w.write(KindHello, b))
			for _, e := range entries {
				must(t, w.write(KindEntry, entryHead(e.Seq), e.Content))
			}
			b, _ = marshal(done{len(entries)})
			must(t, w.write(KindDone, b))
		})
	}
	answer := func(records ...exchange.Record) []byte {
		return uncompressed(t, func(w *frameWriter) {
			h := s.hello()
			idle := s.idle(h)
			must(t, writeFrame(w, idle[0], &h))
			must(t, writeFrame(w, idle[1], &h))
			for _, r := range records {
				must(t, writeFrame(w, r, &h))
			}
			must(t, writeFrame(w, idle[2], &h))
			must(t, writeFrame(w, idle[3], &h))
		})
	}
	// For copying from, the best last. Texts stay as long as they were, random
	// digits too: as long as what comes has the length of what was here, the distance
	// of the copies stays the same, and zstd writes that in a bit instead of two bytes.
	var texts [][]byte
	for i := range types {
		if i%2 == 0 {
			texts = append(texts, request(s.entry(uint64(400+i), i)))
		}
	}
	for i := range types {
		texts = append(texts, answer(s.record(i)))
	}
	texts = append(texts, answer(), request())
	history := bytes.Join(texts, nil)
	history = history[max(0, len(history)-14<<10):]
	var contents [][]byte
	for i := range 600 {
		switch i % 3 {
		case 0:
			contents = append(contents, request(s.entry(uint64(900+i), s.IntN(99)), s.entry(uint64(901+i), s.IntN(99), s.IntN(99))))
		case 1:
			contents = append(contents, answer(s.record(s.IntN(99)), s.record(s.IntN(99))))
		case 2:
			contents = append(contents, request(), answer())
		}
	}
	d, err := zstd.BuildDict(zstd.BuildDictOptions{
		ID: DictionaryID, Contents: contents, History: history, Offsets: [3]int{1, 4, 8}, Level: zstd.SpeedDefault, CompatV155: true,
	})
	must(t, err)
	return d
}

// TestDictionary holds the dictionary to what go generate makes, and to its size.
func TestDictionary(t *testing.T) {
	made := makeDictionary(t)
	if again := makeDictionary(t); !slices.Equal(made, again) {
		t.Fatal("two runs make two dictionaries")
	}
	if golden.Update() {
		must(t, os.WriteFile("dictionary1.zstd", made, 0o666))
		t.Log("built in at the next compilation: run the tests again")
	} else if !slices.Equal(made, dictionary) {
		t.Error("dictionary1.zstd is not what the samples make: run go generate")
	}
	if len(made) > 16<<10 {
		t.Errorf("the dictionary has %d bytes, want at most 16 kB", len(made))
	}
	if sum := sha256.Sum256(made); hex.EncodeToString(sum[:]) != dictionaryHash {
		t.Errorf("the dictionary's hash is %x: protocol 1 has another", sum)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
