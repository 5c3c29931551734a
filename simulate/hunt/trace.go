package hunt

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
)

// trace is a hash over everything that happens in a run, in order.
type trace struct{ h hash.Hash }

func newTrace() *trace { return &trace{sha256.New()} }

// add adds something of a kind: the kind and the lengths are part of the hash, so
// that "ab" and "c" are not "a" and "bc".
func (t *trace) add(kind string, parts ...[]byte) {
	var n [8]byte
	part := func(b []byte) {
		binary.LittleEndian.PutUint64(n[:], uint64(len(b)))
		t.h.Write(n[:])
		t.h.Write(b)
	}
	part([]byte(kind))
	for _, p := range parts {
		part(p)
	}
}

// say adds values as they print.
func (t *trace) say(kind string, values ...any) { t.add(kind, []byte(fmt.Sprint(values...))) }

func (t *trace) sum() []byte { return t.h.Sum(nil) }
