package msupply

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/atollsync/atoll"
)

// Limits on a capture, checked while it is read.
const (
	maxRecord  = 16 << 20  // bytes of one record, with its envelope
	maxCapture = 1 << 30   // bytes of all records together: they are held in memory
	maxRecords = 2_000_000 // in one capture; each takes some 5 KB while it is imported
	maxKey     = 200       // bytes of a table's name or a record's key
)

// source is one record of a capture.
type source struct {
	table, key, action string
	raw                []byte // as it came, without the white space
	wrong              string // why it cannot be translated, whatever its table
	kept               map[string]json.RawMessage
}

// object returns the record's keys and values, nil when it is no object. Most
// records are read again each time, since millions of them would not fit into
// memory; those that others look at are kept.
func (s *source) object() map[string]json.RawMessage {
	if s.kept != nil {
		return s.kept
	}
	data, _, err := object(s.raw)
	if err != nil {
		return nil
	}
	if lookedAt[s.table] {
		s.kept = data
	}
	return data
}

// lookedAt are the tables whose records the translations of others look at.
var lookedAt = map[string]bool{
	"name": true, "store": true, "item": true, "transact": true, "requisition": true, "Stock_take": true,
	"purchase_order": true, "Goods_received": true,
}

// read decodes a capture: an object with the lists "central" and "remote". It
// fails with atoll.Invalid or atoll.TooLarge, and then returns nothing.
func read(in io.Reader) ([]*source, error) {
	limited := &allowance{in: in}
	d := json.NewDecoder(limited)
	limited.decoder = d
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, wrongFile(limited, err, "it is not a JSON object")
	}
	var out []*source
	lists := 0
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, wrongFile(limited, err, "")
		}
		side, _ := t.(string)
		if side != "central" && side != "remote" {
			return nil, wrongFile(limited, nil, "it has a key "+quoted(side)+" beside central and remote")
		}
		if t, err = d.Token(); err != nil || t != json.Delim('[') {
			return nil, wrongFile(limited, err, side+" is not a list")
		}
		lists++
		for d.More() {
			var b json.RawMessage
			if err := d.Decode(&b); err != nil {
				return nil, wrongFile(limited, err, "")
			}
			s, err := envelope(b)
			if err != nil {
				return nil, atoll.Errorf(atoll.Invalid, "record %d of the capture: %w", len(out)+1, err).Do(hint)
			}
			if out = append(out, s); len(out) > maxRecords {
				return nil, atoll.Errorf(atoll.TooLarge, "the capture has more than %d records", maxRecords).
					Do("split it and import the parts one after the other, central data first")
			}
		}
		if _, err := d.Token(); err != nil {
			return nil, wrongFile(limited, err, "")
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, wrongFile(limited, err, "")
	}
	if lists == 0 {
		return nil, wrongFile(limited, nil, "it has neither a list central nor a list remote")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, wrongFile(limited, nil, "there is something after its end")
	}
	return out, nil
}

const hint = "want a JSON object with the lists central and remote, each of records with table, recordId and data"

// wrongFile says what is the matter with a file that cannot be read.
func wrongFile(a *allowance, err error, what string) error {
	switch {
	case a.err != nil: // the reader itself failed, or was too much
		return a.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return atoll.Errorf(atoll.Invalid, "the capture ends after %d bytes, in the middle of its text", a.n).
			Do("fetch or copy it again; nothing was imported")
	case what != "":
		return atoll.Errorf(atoll.Invalid, "this is no capture of an mSupply server: %s", what).Do(hint)
	}
	return atoll.Errorf(atoll.Invalid, "this is no capture of an mSupply server: %w", err).Do(hint)
}

// envelope reads one record of a list. Both forms of envelope are known: that of
// the feed and that of a site's queue.
func envelope(b []byte) (*source, error) {
	fields, twice, err := object(b)
	if err != nil {
		return nil, err
	}
	if twice != "" {
		return nil, atoll.Errorf(atoll.Invalid, "it says %s twice", quoted(twice))
	}
	s := &source{raw: []byte("null")}
	for name, value := range fields {
		var into *string
		switch name {
		case "tableName", "table":
			into = &s.table
		case "recordId":
			into = &s.key
		case "action":
			into = &s.action
		case "data", "recordData":
			s.raw = value
			continue
		case "ID", "syncId", "syncOutId":
			continue // the record's place in the other server's feed
		default:
			return nil, atoll.Errorf(atoll.Invalid, "it has a key %s", quoted(name))
		}
		if string(value) != "null" && json.Unmarshal(value, into) != nil {
			return nil, atoll.Errorf(atoll.Invalid, "its %s is not a text", name)
		}
	}
	s.action = strings.ToLower(s.action)
	data, twice, bad := object(s.raw)
	if bad != nil {
		s.wrong = "its data is not an object"
	} else if twice != "" {
		s.wrong = "its data has " + quoted(twice) + " twice"
	}
	if s.key == "" {
		s.key, _ = textOf(data["ID"])
	}
	if !fit(s.table) || !fit(s.key) {
		return nil, atoll.Errorf(atoll.Invalid, "it has no table and recordId, or one that cannot be a name")
	}
	return s, nil
}

// fit reports whether a text can name a table or a record.
func fit(s string) bool {
	return s != "" && len(s) <= maxKey && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == utf8.RuneError })
}

// object reads one JSON object; twice is a name that is there more than once.
func object(b []byte) (fields map[string]json.RawMessage, twice string, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, "", atoll.Errorf(atoll.Invalid, "it is not an object")
	}
	fields = map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, "", atoll.Errorf(atoll.Invalid, "it is not valid JSON: %w", err)
		}
		name, _ := t.(string)
		if _, there := fields[name]; there {
			twice = name
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, "", atoll.Errorf(atoll.Invalid, "it is not valid JSON: %w", err)
		}
		fields[name] = tight(v)
	}
	return fields, twice, nil
}

// tight removes white space around and inside a value. It means nothing, and must
// not reach the journal, whose entries are lines.
func tight(v json.RawMessage) json.RawMessage {
	if (v[0] != '{' && v[0] != '[') || !bytes.ContainsAny(v, " \t\r\n") {
		return v
	}
	var b bytes.Buffer
	if json.Compact(&b, v) != nil { // it was decoded a moment ago
		return v
	}
	return bytes.Clone(b.Bytes())
}

func quoted(s string) string {
	if len(s) > 60 {
		s = s[:57] + "..."
	}
	b, _ := json.Marshal(s)
	return string(b)
}

// allowance stops a reader that runs on: in one value, or altogether.
type allowance struct {
	in      io.Reader
	decoder *json.Decoder // what it feeds; its offset is where the last value ended
	n       int64
	err     error
}

// Read implements io.Reader.
func (a *allowance) Read(p []byte) (int, error) {
	const most = 64 << 10 // a large buffer must not jump over the check
	if len(p) > most {
		p = p[:most]
	}
	n, err := a.in.Read(p)
	a.n += int64(n)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		a.err = atoll.Errorf(atoll.Unavailable, "the capture cannot be read: %w", err).Do("nothing was imported")
	case a.n > maxCapture:
		a.err = atoll.Errorf(atoll.TooLarge, "the capture has more than %d bytes", int64(maxCapture)).
			Do("split it and import the parts one after the other, central data first")
	case a.n-a.decoder.InputOffset() > maxRecord+most:
		a.err = atoll.Errorf(atoll.TooLarge, "one record of the capture has more than %d bytes", maxRecord).
			Do("nothing was imported; leave that record out")
	}
	if a.err != nil {
		return 0, a.err
	}
	return n, err
}
