package msupply_test

import (
	"encoding/json"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// capture makes a capture of records given as table, key and data. The data of an
// update has its key as ID.
func capture(records ...record) []byte {
	type line struct {
		Table  string          `json:"table"`
		Key    string          `json:"recordId"`
		Action string          `json:"action"`
		Data   json.RawMessage `json:"data"`
	}
	var lines []line
	for _, r := range records {
		action := r.action
		if action == "" {
			action = "Update"
		}
		lines = append(lines, line{r.table, r.key, action, json.RawMessage(r.data)})
	}
	b, err := json.Marshal(map[string]any{"central": []string{}, "remote": lines})
	if err != nil {
		panic(err)
	}
	return b
}

type record struct{ table, key, data, action string }

// fields are those of what the key became, which must be there.
func (c *centre) fields(typ atoll.Type, table, key string) atoll.Fields {
	c.t.Helper()
	f, ok := c.find(typ, atoll.DeriveID("msupply", table, key))
	if !ok {
		c.t.Fatalf("%s of %s %s is not there", typ, table, key)
	}
	return f
}

func (c *centre) find(typ atoll.Type, id atoll.ID) (f atoll.Fields, ok bool) {
	c.t.Helper()
	c.view(func(r storage.Reader) error {
		rec, err := r.Record(atoll.Key{Type: typ, ID: id})
		if atoll.CodeOf(err) == atoll.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		f, ok = rec.MustFields(), !rec.Deleted
		return nil
	})
	return f, ok
}

// companion is the foreign_record beside the key.
func (c *centre) companion(table, key string) atoll.Fields {
	c.t.Helper()
	f, ok := c.find("foreign_record", atoll.DeriveID("msupply", "foreign_record", table, key))
	if !ok {
		c.t.Fatalf("nothing is kept beside %s %s", table, key)
	}
	return f
}

// want compares fields by their JSON text; "" wants a field to be absent.
func want(t *testing.T, f atoll.Fields, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		if got := string(f[name]); got != text {
			t.Errorf("%s is %s, want %s", name, got, text)
		}
	}
}

func quote(id atoll.ID) string { return `"` + string(id) + `"` }

func ours(table, key string) string { return quote(atoll.DeriveID("msupply", table, key)) }

// every returns all records of a type.
func (c *centre) every(typ atoll.Type) (out []atoll.Record) {
	c.t.Helper()
	c.view(func(r storage.Reader) (err error) {
		out, err = r.Records(storage.Query{Type: typ})
		return err
	})
	return out
}
