package msupply

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/atollsync/atoll"
)

const (
	keptType     atoll.Type = "foreign_record"
	externalType atoll.Type = "external_key"
	// partSize is how many bytes of a record are in one part, when it is kept as
	// bytes: small enough for a record's body in base64.
	partSize = 480 << 10
	// dataSize is the longest data that is kept as it reads.
	dataSize = 700 << 10
)

// externalID is the identity of the note that a key of theirs has a record here.
func externalID(table, key string) atoll.ID {
	return atoll.DeriveID(system, string(externalType), table, key)
}

// keptID is the identity of a record's companion; parts beyond the first have
// their number.
func keptID(table, key string, part ...string) atoll.ID {
	return atoll.DeriveID(append([]string{system, string(keptType), table, key}, part...)...)
}

// kept is one foreign_record to be written.
type kept struct {
	id     atoll.ID
	fields atoll.Fields
}

// companions are the foreign_records of a row: what its translation does not
// carry, or all of it. Null fields clear those of an earlier import.
func (r *row) companions() []kept {
	if r.refused != "" {
		return r.keep(r.refused, r.detail, r.data, nil)
	}
	full, empty := r.rest()
	return r.keep(whyRemainder, "", full, empty)
}

func (r *row) keep(why, detail string, full, empty atoll.Fields) []kept {
	f := atoll.Fields{}
	for _, name := range []string{"detail", "record_type", "record_id", "data", "raw", "part", "parts", "empty_id", "digest"} {
		f.Set(name, nil)
	}
	f.Set("system", system).Set("table", r.table).Set("key", r.key).Set("why", why).Set("detail", clip(detail))
	if r.refused == "" {
		f.Set("digest", r.digest())
		if len(r.made) == 1 {
			f.Set("record_type", string(r.main().typ)).Set("record_id", r.main().id)
		}
	}
	var out []kept
	readable := r.wrong == "" && (r.data != nil || r.refused == "")
	if readable && len(empty) > 0 {
		pattern := r.pattern(empty)
		if readable = r.keepable(pattern.fields); readable {
			out = append(out, pattern)
			f.Set("empty_id", pattern.id)
		}
	}
	if readable && len(full) > 0 {
		f["data"] = full.Encode()
		readable = len(f["data"]) <= dataSize && r.keepable(f)
	}
	if readable {
		return append(out, kept{keptID(r.table, r.key), f})
	}
	return r.asBytes(f)
}

// asBytes keeps the whole record as it came, white space apart, in as many parts
// as it needs: what cannot be kept as data is too long, too deep, ambiguous, or
// has text that no database can store.
func (r *row) asBytes(head atoll.Fields) []kept {
	head.Set("data", nil).Set("empty_id", nil)
	parts := (len(r.raw) + partSize - 1) / partSize
	var out []kept
	for i := range parts {
		chunk := r.raw[i*partSize : min((i+1)*partSize, len(r.raw))]
		f, id := head, keptID(r.table, r.key)
		if i > 0 {
			n := string(rune('0'+i/10)) + string(rune('0'+i%10))
			f, id = head.Clone(), keptID(r.table, r.key, n)
			f.Set("digest", nil)
		}
		f.Set("raw", base64.StdEncoding.EncodeToString(chunk)).Set("part", i+1).Set("parts", parts)
		out = append(out, kept{id, f})
	}
	return out
}

// pattern is the record of which keys were there and empty, and how. Most records
// of a table share one.
func (r *row) pattern(empty atoll.Fields) kept {
	sum := sha256.Sum256(empty.Encode())
	key := "empty " + hex.EncodeToString(sum[:8])
	f := atoll.Fields{}.Set("system", system).Set("table", r.table).Set("key", key).Set("why", whyEmpty)
	f["data"] = empty.Encode()
	return kept{atoll.DeriveID(system, whyEmpty, r.table, key), f}
}

// keepable reports whether a foreign_record may have the fields.
func (r *row) keepable(f atoll.Fields) bool {
	return storable(f) && r.w.catalogue.Check(keptType, f) == nil
}

// storable reports whether a record's body can have the fields: they are not too
// long, nor too deep.
func storable(f atoll.Fields) bool {
	_, err := atoll.ParseFields(f.Encode())
	return err == nil
}

// digest is over everything that an import of the row would write.
func (r *row) digest() string {
	h := sha256.New()
	h.Write([]byte(edition))
	for _, m := range r.made {
		h.Write([]byte("\n" + m.record().String() + " " + m.key + "\n"))
		h.Write(m.fields.Encode())
	}
	full, empty := r.rest()
	h.Write([]byte("\n"))
	h.Write(full.Encode())
	h.Write(empty.Encode())
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// external is the note that their key has a record here.
func (r *row) external(m *made) atoll.Fields {
	return atoll.Fields{}.Set("system", system).Set("table", r.table).Set("key", m.key).
		Set("record_type", string(m.typ)).Set("record_id", m.id)
}

// clip keeps a detail short enough for its field.
func clip(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xc0 == 0x80 { // not inside a letter
		cut--
	}
	return s[:cut] + "…"
}
