// Package digest tells whether two databases hold the same records without
// sending them: a number and a checksum over a set of records, whatever their
// order, that can be kept up as records come and go (R-H-44, R-M-02).
//
// Sets are cut in ranges by a hash of the record's id, so that a range holds
// about the same share of any type, and a difference is found by looking into
// the ranges that differ.
package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
)

// Row is the checksum of one record: its key, version, origin, whether it was
// deleted, and its body to the byte.
type Row [32]byte

// Of returns the checksum of the record as it stands. Where a database keeps it
// (its position, its audiences, whether it is shown) does not count.
func Of(r atoll.Record) Row {
	h := sha256.New()
	// Lengths keep neighbours apart. A hash takes every write.
	_, _ = fmt.Fprintf(h, "%s\n%s\n%d\n%s\n%t\n%d\n", r.Type, r.ID, r.Version, r.Origin, r.Deleted, len(r.Body))
	h.Write(r.Body)
	return Row(h.Sum(nil))
}

// Short is as much of a row's checksum as finding the rows that differ needs.
func (r Row) Short() string { return hex.EncodeToString(r[:8]) }

// Sum is the digest of a set of records. The zero Sum is that of the empty set.
type Sum struct {
	Count int
	lanes [4]uint64
}

// Add puts a row into the set, and Remove takes it out again. Both cost the same
// however large the set is. A row must not be added twice.
func (s *Sum) Add(r Row) {
	s.Count++
	for i := range s.lanes {
		s.lanes[i] += binary.BigEndian.Uint64(r[8*i:])
	}
}

// Remove undoes Add.
func (s *Sum) Remove(r Row) {
	s.Count--
	for i := range s.lanes {
		s.lanes[i] -= binary.BigEndian.Uint64(r[8*i:])
	}
}

// Join adds all rows of another set, which must share none with this one.
func (s *Sum) Join(o Sum) {
	s.Count += o.Count
	for i := range s.lanes {
		s.lanes[i] += o.lanes[i]
	}
}

// String returns the text form: the number, and 64 hexadecimal digits.
func (s Sum) String() string {
	var b [32]byte
	for i, l := range s.lanes {
		binary.BigEndian.PutUint64(b[8*i:], l)
	}
	return fmt.Sprintf("%d %x", s.Count, b)
}

// MarshalText writes the text form.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the text form. It fails with atoll.Invalid.
func (s *Sum) UnmarshalText(text []byte) error {
	var n int
	var b []byte
	if _, err := fmt.Sscanf(string(text), "%d %x", &n, &b); err != nil || len(b) != 32 || n < 0 {
		return atoll.Errorf(atoll.Invalid, "%.100q is not a digest: want a number and 64 hexadecimal digits", text)
	}
	*s = Sum{Count: n}
	for i := range s.lanes {
		s.lanes[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return nil
}

// Ranges is how many ranges a type is cut into.
const Ranges = 256

// Range returns the range of a record, 0 to Ranges-1.
func Range(id atoll.ID) int {
	h := sha256.Sum256([]byte(id))
	return int(h[0])
}

// Table holds the digest of each type of a set of records. Types without records
// are left out.
type Table map[atoll.Type]Sum

// Add puts a record into the table.
func (t Table) Add(r atoll.Record) {
	s := t[r.Type]
	s.Add(Of(r))
	t[r.Type] = s
}

// Difference is a type whose records differ between two tables.
type Difference struct {
	Type atoll.Type
	A, B Sum
}

// Compare returns the types that differ, sorted by name.
func (t Table) Compare(o Table) (out []Difference) {
	all := maps.Clone(o)
	maps.Copy(all, t)
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		if t[kind] != o[kind] {
			out = append(out, Difference{kind, t[kind], o[kind]})
		}
	}
	return out
}

// Count is the number of records of all types.
func (t Table) Count() (n int) {
	for _, s := range t {
		n += s.Count
	}
	return n
}
