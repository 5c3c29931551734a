package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// TestEveryFieldOfEveryFrameTravels fills every field of every frame with a value
// of its own, so that a field added to package exchange and forgotten here fails.
func TestEveryFieldOfEveryFrameTravels(t *testing.T) {
	var hello exchange.Hello
	n := 0
	fill(reflect.ValueOf(&hello).Elem(), &n)
	b, err := encodeHello(&hello)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeHello(b)
	if diff := cmp.Diff(hello, got); diff != "" || err != nil {
		t.Errorf("Hello (-sent +arrived), %v:\n%s", err, diff)
	}
	for _, frame := range []exchange.Frame{
		exchange.Welcome{}, exchange.Receipt{}, exchange.Subscription{}, exchange.Record{}, exchange.Checkpoint{}, exchange.End{},
	} {
		t.Run(fmt.Sprintf("%T", frame), func(t *testing.T) {
			v := reflect.New(reflect.TypeOf(frame)).Elem()
			fill(v, &n)
			sent, _ := v.Interface().(exchange.Frame)
			kind, payload := through(t, sent, &hello)
			got, err := readFrame(kind, payload, &hello)
			if diff := cmp.Diff(sent, got); diff != "" || err != nil {
				t.Errorf("(-sent +arrived), %v:\n%s", err, diff)
			}
		})
	}
}

// fill sets every field to a value that no other field has.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text%d", *n))
		if v.Type() == reflect.TypeFor[atoll.ID]() {
			v.SetString(string(atoll.DeriveID(fmt.Sprint(*n))))
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(uint64('a' + *n%26))
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Interface: // a value of a reason
		v.Set(reflect.ValueOf(fmt.Sprintf("text%d", *n)))
	default:
		panic("a field of a kind this test does not know: " + v.Type().String())
	}
}

// sink is a frame writer's output without compression.
type sink struct{ bytes.Buffer }

// Flush implements the frame writer's output.
func (*sink) Flush() error { return nil }

// Close implements the frame writer's output.
func (*sink) Close() error { return nil }

// through writes the frame and reads it back as kind and payload.
func through(t *testing.T, f exchange.Frame, h *exchange.Hello) (Kind, []byte) {
	t.Helper()
	var out sink
	if err := writeFrame(&frameWriter{out: &out}, f, h); err != nil {
		t.Fatal(err)
	}
	kind, payload, err := newFrameReader(&out, 1<<20).next()
	if err != nil {
		t.Fatal(err)
	}
	return kind, payload
}
