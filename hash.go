package atoll

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Hash is a SHA-256 digest. Its text form is 64 lower-case hexadecimal digits.
type Hash [32]byte

// String returns the hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether the hash was never set.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText writes the hexadecimal digits; nothing for the zero hash.
func (h Hash) MarshalText() ([]byte, error) {
	if h.IsZero() {
		return nil, nil
	}
	return []byte(h.String()), nil
}

// UnmarshalText reads 64 hexadecimal digits, or nothing for the zero hash.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*h = Hash{}
		return nil
	}
	if len(b) != 64 {
		return Errorf(Invalid, "hash %.80q: want 64 hexadecimal digits", b)
	}
	if _, err := hex.Decode(h[:], b); err != nil || h.String() != string(b) {
		*h = Hash{}
		return Errorf(Invalid, "hash %.80q: want 64 lower-case hexadecimal digits", b)
	}
	return nil
}

// Digest returns the digest of an entry's encoded content. Operations count by
// their own digests, so that an operation that stays at its site can be replaced
// by its digest without changing the entry's.
func Digest(encoded []byte) Hash {
	lines := bytes.Split(encoded, []byte{'\n'})
	if h, ok := decodeWithheld(lines[0]); ok && len(lines) == 1 {
		return h
	}
	d := sha256.New()
	for _, l := range lines {
		h, ok := decodeWithheld(l)
		if !ok {
			h = sha256.Sum256(l)
		}
		d.Write(h[:])
	}
	return Hash(d.Sum(nil))
}

// Chain returns the hash of the entry at (site, timeline, seq) whose content has
// the digest, given the hash of the entry before it (the zero hash for the
// first).
func Chain(prev Hash, site SiteID, timeline Timeline, seq uint64, digest Hash) Hash {
	d := sha256.New()
	d.Write([]byte("atoll journal 1\n"))
	d.Write(prev[:])
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(site))
	binary.BigEndian.PutUint64(n[8:], seq)
	d.Write(n[:])
	d.Write([]byte(timeline))
	d.Write(digest[:])
	return Hash(d.Sum(nil))
}

// Head is the end of one site's journal as some database knows it. The zero Head
// is that of an empty journal.
type Head struct {
	Timeline Timeline `json:"timeline"`
	Seq      uint64   `json:"seq"`
	Hash     Hash     `json:"hash"`
}
