package storage_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// shelf is one bucket.
type shelf map[string][]byte

func (s shelf) Get(_, key string) ([]byte, error) {
	b, ok := s[key]
	if !ok {
		return nil, atoll.Errorf(atoll.NotFound, "no %s", key)
	}
	return b, nil
}

func (s shelf) Scan(_, after string, _ int, _ bool) (out []storage.Item, err error) {
	for k, v := range s {
		if k > after {
			out = append(out, storage.Item{Key: k, Value: v})
		}
	}
	slices.SortFunc(out, func(a, b storage.Item) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func (s shelf) Walk(bucket string, fn func(key, value []byte) error) error {
	items, err := s.Scan(bucket, "", 0, false)
	for _, it := range items {
		if err := fn([]byte(it.Key), it.Value); err != nil {
			return err
		}
	}
	return err
}

func (s shelf) Set(_, key string, value []byte) error { s[key] = value; return nil }
func (s shelf) Drop(_, key string) error              { delete(s, key); return nil }

func TestShelfKeepsValues(t *testing.T) {
	type place struct{ Name string }
	s := shelf{}
	var p place
	if err := storage.Load(s, "b", "one", &p); !errors.Is(err, atoll.NotFound) {
		t.Fatalf("nothing was saved, got %v", err)
	}
	if list, err := storage.Listed[place](s, "b", "", 0, false); err != nil || list == nil || len(list) != 0 {
		t.Fatalf("an empty bucket lists as %#v, %v", list, err)
	}
	if err := errors.Join(storage.Save(s, "b", "one", place{"A"}), storage.Save(s, "b", "two", place{"B"})); err != nil {
		t.Fatal(err)
	}
	if err := storage.Load(s, "b", "one", &p); err != nil || p.Name != "A" {
		t.Fatalf("loaded %v, %v", p, err)
	}
	if list, err := storage.Listed[place](s, "b", "", 0, false); err != nil || !slices.Equal(list, []place{{"A"}, {"B"}}) {
		t.Fatalf("listed %v, %v", list, err)
	}
	s["two"] = []byte("{") // as a damaged disk leaves it
	if err := storage.Load(s, "b", "two", &p); err == nil || !strings.Contains(err.Error(), "b/two") {
		t.Fatalf("a damaged value is not named: %v", err)
	}
	if _, err := storage.Listed[place](s, "b", "", 0, false); err == nil || !strings.Contains(err.Error(), "b/two") {
		t.Fatalf("a damaged value is not named: %v", err)
	}
	if err := storage.Save(s, "b", "three", func() {}); err == nil {
		t.Fatal("saved what is no value")
	}
}

// What Save writes is read as it was: also a duration, an array of bytes and what is of no
// type, which the two packages that write and read write differently by themselves.
func TestShelfReadsWhatItWrote(t *testing.T) {
	type inner struct{ A, B int }
	type kept struct {
		inner

		Took   time.Duration
		Sum    [4]byte
		Body   []byte
		At     time.Time `json:",omitzero"`
		By     map[uint16]inner
		Any    any
		Raw    json.RawMessage
		Names  []string
		Maybe  *inner
		Unsaid string `json:"-"`
	}
	want := kept{
		inner: inner{1, -2}, Took: 1500 * time.Millisecond, Sum: [4]byte{1, 2, 3, 255}, Body: []byte{0, 1},
		At: time.Date(2026, 3, 2, 8, 0, 0, 5, time.UTC), By: map[uint16]inner{7: {3, 4}},
		Any: map[string]any{"n": 1.5, "l": []any{"x", nil}}, Raw: json.RawMessage(`{"a":1}`), Names: []string{"é<&>", ""}, Maybe: &inner{5, 6},
	}
	for _, want := range []kept{want, {}} {
		s := shelf{}
		if err := storage.Save(s, "b", "one", want); err != nil {
			t.Fatal(err)
		}
		var got, as kept
		if err := errors.Join(storage.Load(s, "b", "one", &got), json.Unmarshal(s["one"], &as)); err != nil {
			t.Fatalf("%s: %v", s["one"], err)
		}
		if !reflect.DeepEqual(got, as) {
			t.Errorf("%s\nis read as %+v\nwant       %+v", s["one"], got, as)
		}
	}
}
