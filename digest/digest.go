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
	"strconv"

	"github.com/atollsync/atoll"
)

// Row is the checksum of one record: its key, version, origin, whether it was
// deleted, and its body to the byte.
type Row [32]byte

// Of returns the checksum of the record as it stands. Where a database keeps it
// (its position, its audiences, whether it is shown) does not count.
func Of(r atoll.Record) Row {
	// Lengths keep neighbours apart.
	b := make([]byte, 0, 1024)
	b = append(append(b, r.Type...), '\n')
	b = append(append(b, r.ID...), '\n')
	b = append(strconv.AppendUint(b, r.Version, 10), '\n')
	if r.Origin != (atoll.Origin{}) {
		b = append(strconv.AppendInt(b, int64(r.Origin.Site), 10), '/')
		b = strconv.AppendUint(b, r.Origin.Seq, 10)
	}
	b = append(b, '\n')
	b = append(strconv.AppendBool(b, r.Deleted), '\n')
	b = append(strconv.AppendInt(b, int64(len(r.Body)), 10), '\n')
	return sha256.Sum256(append(b, r.Body...))
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

// Size is the length of a Sum's bytes.
const Size = 32

// Bytes returns the checksum without the number of records.
func (s Sum) Bytes() []byte {
	b := make([]byte, 0, Size)
	for _, l := range s.lanes {
		b = binary.BigEndian.AppendUint64(b, l)
	}
	return b
}

// SumOf is the Sum with this number of records and these bytes; false when the
// bytes are not a checksum's.
func SumOf(count int, b []byte) (Sum, bool) {
	s := Sum{Count: count}
	if len(b) != Size {
		return Sum{}, false
	}
	for i := range s.lanes {
		s.lanes[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return s, true
}

// Minus returns the sum without the rows of another: with [Sum.Join], it undoes
// it. The outcome may stand for fewer than no records.
func (s Sum) Minus(o Sum) Sum {
	s.Count -= o.Count
	for i := range s.lanes {
		s.lanes[i] -= o.lanes[i]
	}
	return s
}

// Short is as much of the checksum as a comparison sends: 16 hexadecimal digits.
// The number of records is in it.
func (s Sum) Short() string {
	return fmt.Sprintf("%016x", s.lanes[0]+uint64(s.Count)) //nolint:gosec // any 64 bits do
}

// Counted returns the audiences under which a record counts in their digests, out
// of those it has. What goes to a narrow audience is listed under the sites that
// are its members, and counts there; but when it also has an audience of its own,
// it counts under that one only: whether a site is a member then makes no
// difference to it, and it would not be told.
func Counted(audiences []atoll.Audience) []atoll.Audience {
	narrow, wide := false, false
	for _, a := range audiences {
		kind, _ := a.Split()
		narrow = narrow || a.Narrow()
		wide = wide || !a.Narrow() && kind != "site"
	}
	if !narrow {
		return audiences
	}
	return slices.DeleteFunc(slices.Clone(audiences), func(a atoll.Audience) bool {
		kind, _ := a.Split()
		return a.Narrow() || wide && kind == "site"
	})
}
