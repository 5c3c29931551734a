package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
)

// Fan is how many parts a node has, and Depth how many bytes of a key's hash lead
// to its leaf.
const (
	Fan   = 256
	Depth = 2
)

// Path is where a key stands in the tree.
type Path [Depth]byte

// PathOf returns where the key stands.
func PathOf(key atoll.Key) Path {
	h := sha256.Sum256([]byte(key.String()))
	return Path(h[:Depth])
}

// ParsePrefix reads the prefix of a node or leaf: two hexadecimal digits for each
// step, of lower case. It fails with atoll.Invalid.
func ParsePrefix(s string) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) > Depth || hex.EncodeToString(b) != s {
		return nil, atoll.Errorf(atoll.Invalid, "%.20q is no part of a comparison", s)
	}
	return b, nil
}

// Under reports whether the path begins with the prefix.
func (p Path) Under(prefix []byte) bool {
	return len(prefix) <= Depth && slices.Equal(p[:len(prefix)], prefix)
}

// Leaf is one row in the tree.
type Leaf struct {
	Path Path
	Key  atoll.Key
	Sum  digest.Row
}

// LeafOf returns the record's row as it stands.
func LeafOf(r atoll.Record) Leaf { return Leaf{PathOf(r.Key), r.Key, digest.Of(r)} }

func (l Leaf) short() uint64 { return binary.BigEndian.Uint64(l.Sum[:]) }

// All returns the digest of all rows.
func All(rows []Leaf) digest.Sum {
	var s digest.Sum
	for _, l := range rows {
		s.Add(l.Sum)
	}
	return s
}

// Parts returns the digests of the parts of the node, as they are sent.
func Parts(rows []Leaf, prefix []byte) []byte {
	var sums [Fan]uint64
	for _, l := range rows {
		if len(prefix) < Depth && l.Path.Under(prefix) {
			sums[l.Path[len(prefix)]] += l.short()
		}
	}
	b := make([]byte, 0, Fan*8)
	for _, s := range sums {
		b = binary.BigEndian.AppendUint64(b, s)
	}
	return b
}

// Apart returns the prefixes of the parts that differ. It fails with atoll.Invalid
// when these are not the digests of a node.
func Apart(prefix []byte, ours, theirs []byte) (out []string, err error) {
	if len(prefix) >= Depth || len(ours) != Fan*8 || len(theirs) != Fan*8 {
		return nil, atoll.Errorf(atoll.Invalid, "these are not the digests of the parts of %x", prefix)
	}
	for n := range Fan {
		if !slices.Equal(ours[8*n:8*n+8], theirs[8*n:8*n+8]) {
			out = append(out, hex.EncodeToString(append(slices.Clone(prefix), byte(n))))
		}
	}
	return out, nil
}
