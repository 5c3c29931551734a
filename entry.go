package atoll

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"time"
)

// Limits on one journal entry, checked before it is parsed.
const (
	MaxEntry      = 8 << 20 // bytes of one encoded entry
	MaxOperations = 20000   // operations in one entry
	maxLabel      = 200     // bytes of an actor or a cause
)

// Verb says what an operation does to its record.
type Verb string

// The verbs. Delete leaves a tombstone. Restate carries a record's whole state
// at the version it already has: a resync after data was withheld or lost.
const (
	Insert  Verb = "insert"
	Update  Verb = "update"
	Delete  Verb = "delete"
	Restate Verb = "restate"
)

// Verbs lists every verb.
var Verbs = []Verb{Insert, Update, Delete, Restate}

// Operation is the change of one record inside one entry. An entry has at most
// one operation for each record.
type Operation struct {
	Verb Verb
	Key
	// Version is the record's version after the operation.
	Version uint64
	// Base is the origin of the version that was changed; the zero Origin for an
	// insert. It is how a reader notices that two histories have parted.
	Base Origin
	// Epoch is the ownership epoch the writer believed in: of the store, the
	// patient's home store or the delegation that makes it the owner. Zero where
	// ownership cannot move.
	Epoch uint64
	// Stays marks data that does not leave its site: local data, and data of a
	// store whose data is kept at its site (R-B-76, R-B-80, R-B-92). Only the
	// operation's digest goes up.
	Stays bool
	// Deleted is set on a restatement of a tombstone; its fields are the last it had.
	Deleted bool
	// Fields are all fields for an insert or restate, the changed ones for an
	// update (null means cleared), none for a delete.
	Fields Fields
	// Withheld is set on operations that arrived as a digest only; the others
	// fields are then empty.
	Withheld Hash
}

// Gone reports whether the record is a tombstone after the operation.
func (o *Operation) Gone() bool { return o.Verb == Delete || o.Deleted }

// Cause says why an entry was made: by whom is the actor.
type Cause struct {
	// Kind is "user", "import", "process/<processor>", "merge", "unmerge", "resync" or
	// "repair".
	Kind string `json:"kind"`
	// Ref names what it answers, such as the key of an initiating document.
	Ref string `json:"ref,omitempty"`
}

// Entry is one transaction in a site's journal (rule 2 of the design): the unit
// of push, of acknowledgement, of atomicity and of audit.
type Entry struct {
	Site     SiteID
	Timeline Timeline
	// Seq is the entry's place in its site's journal: 1, 2, 3 …, without gaps.
	Seq uint64
	// Time is the site's clock when the entry was made, to the millisecond. It is
	// recorded and decides nothing (R-A-20).
	Time  time.Time
	Actor string
	Cause Cause
	// Catalogue is the version of the catalogue the entry was made under.
	Catalogue  int
	Operations []Operation
	// Withheld is set when the whole entry stays at its site: only its digest
	// travels, and Time, Actor, Cause and Operations are empty.
	Withheld Hash
}

// header and line are the two shapes of a line in an encoded entry.
type header struct {
	Time      int64  `json:"time"` // milliseconds since 1970
	Actor     string `json:"actor"`
	Cause     Cause  `json:"cause"`
	Catalogue int    `json:"catalogue"`
}

type withheld struct {
	Withheld Hash `json:"withheld"`
}

type line struct {
	Verb     Verb            `json:"verb,omitempty"`
	Type     Type            `json:"type,omitempty"`
	ID       ID              `json:"id,omitempty"`
	Version  uint64          `json:"version,omitempty"`
	Base     Origin          `json:"base,omitzero"`
	Epoch    uint64          `json:"epoch,omitempty"`
	Stays    bool            `json:"stays,omitempty"`
	Deleted  bool            `json:"deleted,omitempty"`
	Fields   json.RawMessage `json:"fields,omitempty"`
	Withheld Hash            `json:"withheld,omitzero"`
}

// Encode returns the canonical bytes of the entry's content: a line for the
// header and a line for each operation, each line one JSON object. These are the
// bytes that are stored, sent and hashed; the entry's site, timeline and
// position travel beside them.
func (e *Entry) Encode() []byte {
	if !e.Withheld.IsZero() {
		return encodeWithheld(nil, e.Withheld)
	}
	h := header{Time: e.Time.UnixMilli(), Actor: e.Actor, Cause: e.Cause, Catalogue: e.Catalogue}
	b := h.append(make([]byte, 0, e.size()))
	for i := range e.Operations {
		b = append(b, '\n')
		b = e.Operations[i].append(b)
	}
	return b
}

// size is about how many bytes the entry's content has, not less.
func (e *Entry) size() int {
	n := 128 + len(e.Actor) + len(e.Cause.Kind) + len(e.Cause.Ref)
	for i := range e.Operations {
		n += 192
		for name, value := range e.Operations[i].Fields {
			n += len(name) + len(value) + 4
		}
	}
	return n
}

// append writes the header as encoding/json does.
func (h *header) append(b []byte) []byte {
	if !isPlain(h.Actor) || !isPlain(h.Cause.Kind) || !isPlain(h.Cause.Ref) {
		j, _ := json.Marshal(h)
		return append(b, j...)
	}
	b = strconv.AppendInt(append(b, `{"time":`...), h.Time, 10)
	b = append(append(b, `,"actor":"`...), h.Actor...)
	b = append(append(b, `","cause":{"kind":"`...), h.Cause.Kind...)
	if h.Cause.Ref != "" {
		b = append(append(b, `","ref":"`...), h.Cause.Ref...)
	}
	b = strconv.AppendInt(append(b, `"},"catalogue":`...), int64(h.Catalogue), 10)
	return append(b, '}')
}

// isPlain reports whether encoding/json writes the text as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func encodeWithheld(b []byte, h Hash) []byte {
	b = append(b, `{"withheld":"`...)
	b = append(b, h.String()...)
	return append(b, `"}`...)
}

func (o *Operation) append(b []byte) []byte {
	if !o.Withheld.IsZero() {
		return encodeWithheld(b, o.Withheld)
	}
	b = append(b, `{"verb":"`...)
	b = append(b, o.Verb...)
	b = append(b, `","type":"`...)
	b = append(b, o.Type...)
	b = append(b, `","id":"`...)
	b = append(b, o.ID...)
	b = append(b, `","version":`...)
	b = strconv.AppendUint(b, o.Version, 10)
	if o.Base != (Origin{}) {
		b = append(b, `,"base":"`...)
		b = append(b, o.Base.String()...)
		b = append(b, '"')
	}
	if o.Epoch != 0 {
		b = append(b, `,"epoch":`...)
		b = strconv.AppendUint(b, o.Epoch, 10)
	}
	if o.Stays {
		b = append(b, `,"stays":true`...)
	}
	if o.Deleted {
		b = append(b, `,"deleted":true`...)
	}
	if o.Verb != Delete {
		b = append(b, `,"fields":`...)
		b = o.Fields.append(b)
	}
	return append(b, '}')
}

// Outgoing returns the encoded content as it leaves its site: operations that
// stay are replaced by their digests, and an entry of which everything stays by
// its own. It returns encoded itself when nothing stays.
func Outgoing(encoded []byte) []byte {
	if !bytes.Contains(encoded, []byte(`,"stays":true`)) {
		return encoded
	}
	lines := bytes.Split(encoded, []byte{'\n'})
	kept := 0
	for i, l := range lines[1:] {
		var op line
		if strict(l, &op) != nil || !op.Stays {
			kept++
			continue
		}
		lines[i+1] = encodeWithheld(nil, sha256.Sum256(l))
	}
	if kept == 0 {
		return encodeWithheld(nil, Digest(encoded))
	}
	return bytes.Join(lines, []byte{'\n'})
}
