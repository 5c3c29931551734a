package atoll

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
)

// SiteID is the Sync ID of a site (T-21): an integer above zero, assigned by the
// centre and never used again. Zero means "no site".
type SiteID int

// CentreID is the Sync ID of the central server. Exactly one site has it.
const CentreID SiteID = 1

// String returns the number in decimal.
func (s SiteID) String() string { return strconv.Itoa(int(s)) }

// ParseSiteID reads a Sync ID written in decimal. It fails with [Invalid].
func ParseSiteID(s string) (SiteID, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1<<31-1 {
		return 0, Errorf(Invalid, "site id %q: want a whole number above zero", s)
	}
	return SiteID(n), nil
}

// ID is the identity of a record: a UUID in its canonical text form, 36
// characters, lower case (R-A-08, R-K-24). It is given at creation and never
// changes or is used again.
type ID string

// ParseID reads a UUID: the canonical form, or 32 hexadecimal digits without
// hyphens, in either case. It fails with [Invalid].
func ParseID(s string) (ID, error) {
	if len(s) == 36 && isCanonical(s) {
		return ID(s), nil
	}
	digits := make([]byte, 0, 32)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '-' && len(s) == 36 && (i == 8 || i == 13 || i == 18 || i == 23):
			continue
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		case c >= 'A' && c <= 'F':
			c += 'a' - 'A'
		default:
			return "", Errorf(Invalid, "id %.40q is not a UUID", s)
		}
		digits = append(digits, c)
	}
	if len(digits) != 32 {
		return "", Errorf(Invalid, "id %.40q is not a UUID", s)
	}
	b := make([]byte, 16)
	if _, err := hex.Decode(b, digits); err != nil {
		return "", Errorf(Invalid, "id %.40q is not a UUID", s)
	}
	return format(b), nil
}

func isCanonical(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
			continue
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Valid reports whether the id is in canonical form.
func (id ID) Valid() bool { return len(id) == 36 && isCanonical(string(id)) }

// NewID returns a UUID of version 7 for a record created at now. Ids made by one
// process at rising times sort in the order of their making, to the millisecond.
func NewID(now time.Time) ID {
	var b [16]byte
	// crypto/rand.Read never fails; it ends the program instead.
	_, _ = rand.Read(b[6:])
	ms := uint64(now.UnixMilli())
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], ms)
	copy(b[:6], t[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return format(b[:])
}

// Time returns when an id that [NewID] made was made; ok is false for any other.
func (id ID) Time() (at time.Time, ok bool) {
	if !id.Valid() || id[14] != '7' {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(string(id[0:8]+id[9:13]), 16, 64)
	return time.UnixMilli(ms).UTC(), err == nil
}

// namespace is the UUID under which Atoll derives its version 5 identities.
var namespace = [16]byte{0x0b, 0x9d, 0x4c, 0x1e, 0x6a, 0x57, 0x4f, 0x21, 0x9c, 0x3f, 0x2e, 0x8d, 0x71, 0x60, 0x55, 0xa4}

// DeriveID returns the UUID of version 5 that belongs to the parts. The same
// parts give the same id on every machine, so that two independent creations of
// one thing collide instead of doubling it (R-D-12). Parts are separated, not
// joined: ("a", "bc") and ("ab", "c") differ.
func DeriveID(parts ...string) ID {
	h := sha1.New() // UUID version 5 is defined over SHA-1; nothing here rests on its strength
	h.Write(namespace[:])
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	b := h.Sum(nil)[:16]
	b[6] = b[6]&0x0f | 0x50
	b[8] = b[8]&0x3f | 0x80
	return format(b)
}

func format(b []byte) ID {
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return ID(s[:])
}

// Type is the name of a record type in the catalogue, such as "item".
type Type string

// Key names one record. Its text form is "type/id".
type Key struct {
	Type Type
	ID   ID
}

// String returns "type/id".
func (k Key) String() string { return string(k.Type) + "/" + string(k.ID) }

// Timeline is the random identity of one database's history. A database that is
// restored or cloned gets a new one, so that (site, timeline, seq) names one
// journal entry for ever.
type Timeline string

// NewTimeline returns a fresh timeline: 16 lower-case hexadecimal digits.
func NewTimeline() Timeline {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return Timeline(hex.EncodeToString(b[:]))
}

// Valid reports whether the timeline has its canonical form.
func (t Timeline) Valid() bool {
	if len(t) != 16 {
		return false
	}
	_, err := hex.DecodeString(string(t))
	return err == nil
}
