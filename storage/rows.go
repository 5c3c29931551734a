package storage

import (
	"encoding/json"

	"github.com/atollsync/atoll"
)

// RowReader reads a few fields of very many records: what reports are made of.
type RowReader interface {
	// Rows calls fn with every record that the query selects and that is neither
	// deleted nor hidden, in rising order of id. It ends at fn's first error, which
	// it returns unchanged. fn must not read from the same snapshot or transaction.
	Rows(q RowQuery, fn func(Row) error) error
}

// RowQuery selects records of one type, and the fields to be read.
type RowQuery struct {
	Type   atoll.Type
	Fields []string
	// Where holds values that indexed fields must have (see RecordWriter.Put).
	Where map[string]string
}

// Row is one record: the values of the fields that were asked for, in their
// order, as they are written, nil where there is none. Values are valid until fn
// returns.
type Row struct {
	ID     atoll.ID
	Values []json.RawMessage
}

// Text returns a value that is a string, "" for any other.
func (r Row) Text(i int) string {
	v := r.Values[i]
	if plain := r.Plain(i); plain != nil {
		return string(plain)
	}
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// Plain returns the bytes of a value that is a string without escapes, such as
// an id or a date, and nil for any other. They are valid until fn returns.
func (r Row) Plain(i int) []byte {
	v := r.Values[i]
	if len(v) < 2 || v[0] != '"' {
		return nil
	}
	inner := v[1 : len(v)-1]
	for _, c := range inner {
		if c == '\\' {
			return nil
		}
	}
	return inner
}

// Bytes is Text without a copy: they are valid until fn returns.
func (r Row) Bytes(i int) []byte {
	if plain := r.Plain(i); plain != nil {
		return plain
	}
	return []byte(r.Text(i))
}

// Number returns the bytes of a value that is a number, and nil for any other.
// They are valid until fn returns.
func (r Row) Number(i int) []byte {
	if v := r.Values[i]; len(v) > 0 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9') {
		return v
	}
	return nil
}

// True reports whether a value is true.
func (r Row) True(i int) bool { return string(r.Values[i]) == "true" }
