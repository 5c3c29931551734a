package wire

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"reflect"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// statuses notes the statuses that a client gets.
type statuses struct {
	http.RoundTripper
	seen []int
}

func (s *statuses) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(r)
	if err == nil {
		s.seen = append(s.seen, resp.StatusCode)
	}
	return resp, err
}

// fresh is a Hello of protocol 2 after which short ones can follow.
func fresh(s *sampler) exchange.Hello {
	h := s.hello()
	h.Protocol, h.Site, h.Run = exchange.Protocol, testSite, "1a2b3c4d"
	return h
}

// follow is the Hello after an exchange that took n entries.
func follow(s *sampler, h exchange.Hello, n int) exchange.Hello {
	h.Turn++
	h.Nonce = s.digits(16)
	h.Clock += 600_000
	h.Cursor += 3
	h.Acknowledged, h.Waiting = h.Head, n
	if n > 0 {
		h.Head.Seq += uint64(n)
		h.Head.Hash = s.hash()
	}
	return h
}

// quietly answers as a centre that has nothing new.
func quietly(h exchange.Hello) []exchange.Frame {
	n := int(h.Head.Seq - h.Acknowledged.Seq)
	return []exchange.Frame{
		exchange.Welcome{Protocol: h.Protocol, Catalogue: h.Catalogue, CatalogueHash: h.CatalogueHash, App: h.App, Centre: h.Centre, Clock: h.Clock + 411, Known: h.Acknowledged, Run: h.Run},
		exchange.Receipt{Acknowledged: h.Head, Offered: n, Applied: n},
		exchange.Checkpoint{Position: h.Cursor + 2, Digest: "00112233445566ff"},
		exchange.End{Cursor: h.Cursor + 2, Head: h.Cursor + 9},
	}
}

// TestR_K_62_ShortForms: after a first exchange in full the next ones are short, and
// both ends read what was said.
func TestR_K_62_ShortForms(t *testing.T) {
	r := newRig(t, nil)
	r.centre.answer = quietly
	s := newSampler(61)
	h := fresh(s)
	for turn, n := range []int{0, 0, 2, 0, 1} {
		var entries []exchange.Entry
		for i := range n {
			entries = append(entries, s.entry(h.Head.Seq+uint64(i+1), i))
		}
		if turn > 0 {
			h = follow(s, h, n)
		}
		got, err := collect(r.client.Exchange(t.Context(), h, all(entries)))
		must(t, err)
		if want := quietly(h); !reflect.DeepEqual(got, want) {
			t.Errorf("turn %d: answered\n%+v\narrived\n%+v", turn, want, got)
		}
		hellos, arrived, _ := r.centre.seen()
		if !reflect.DeepEqual(hellos[turn], h) {
			t.Errorf("turn %d: said\n%+v\nheard\n%+v", turn, h, hellos[turn])
		}
		if n > 0 && !reflect.DeepEqual(arrived[len(arrived)-n:], entries) {
			t.Errorf("turn %d: other entries arrived", turn)
		}
		last := r.told()[turn+2] // after challenge and token
		if n == 0 && turn > 0 && (last.Received > 40 || last.Sent > 30) {
			t.Errorf("turn %d: %d bytes up, %d down: not short", turn, last.Received, last.Sent)
		}
	}
}

// TestR_K_62_ForgottenHello: a centre that was started anew does not know what short
// forms stand on; it gets the same in full, entries too, and does nothing before.
func TestR_K_62_ForgottenHello(t *testing.T) {
	var server *handler
	watch := &statuses{}
	r := newRig(t, func(o *Options, co *ClientOptions) {
		watch.RoundTripper = newTransport(co)
		co.Transport = watch
	})
	server, _ = r.server.Config.Handler.(*handler)
	r.centre.answer = quietly
	s := newSampler(62)
	h := fresh(s)
	_, err := collect(r.client.Exchange(t.Context(), h, all(nil)))
	must(t, err)
	server.said.forget(testSite)
	h = follow(s, h, 1)
	entries := []exchange.Entry{s.entry(h.Head.Seq, 3)}
	got, err := collect(r.client.Exchange(t.Context(), h, once(t, entries)))
	must(t, err)
	hellos, arrived, _ := r.centre.seen()
	if len(hellos) != 2 || !reflect.DeepEqual(hellos[1], h) || !reflect.DeepEqual(arrived, entries) || !reflect.DeepEqual(got, quietly(h)) {
		t.Errorf("the centre heard %d Hellos, the last %+v, and %d entries", len(hellos), hellos[len(hellos)-1], len(arrived))
	}
	if n := len(watch.seen); watch.seen[n-2] != http.StatusPreconditionFailed || watch.seen[n-1] != http.StatusOK {
		t.Errorf("statuses %v, want 412 and then 200", watch.seen)
	}
}

// once are entries that can be ranged over once, as a site's are.
func once(t *testing.T, entries []exchange.Entry) iter.Seq2[exchange.Entry, error] {
	used := false
	return func(yield func(exchange.Entry, error) bool) {
		if used {
			t.Error("the entries were asked for twice")
		}
		used = true
		all(entries)(yield)
	}
}

// TestR_K_62_OldPeer: with a site or a centre of protocol 1 nothing is short.
func TestR_K_62_OldPeer(t *testing.T) {
	for _, old := range []string{"site", "centre"} {
		r := newRig(t, nil)
		s := newSampler(63)
		h := fresh(s)
		if old == "site" {
			h.Protocol = 1
		}
		r.centre.answer = func(h exchange.Hello) []exchange.Frame {
			out := quietly(h)
			w, _ := out[0].(exchange.Welcome)
			w.Protocol = 1
			out[0] = w
			return out
		}
		for range 3 {
			_, err := collect(r.client.Exchange(t.Context(), h, all(nil)))
			must(t, err)
			h = follow(s, h, 0)
		}
		if r.client.said.of(testSite) != nil {
			t.Errorf("with an old %s a short Hello would follow", old)
		}
		for _, told := range r.told()[2:] {
			if told.Received < 100 {
				t.Errorf("with an old %s the request had %d bytes", old, told.Received)
			}
		}
	}
}

// TestShortOnlyWhenItSaysAll: a Hello that differs in anything else is not shortened,
// and whatever is shortened is read back as it was.
func TestShortOnlyWhenItSaysAll(t *testing.T) {
	s := newSampler(64)
	h := fresh(s)
	var m memory
	m.keep(&h, nil, nil, true)
	last := m.of(testSite)
	for name, change := range map[string]func(*exchange.Hello){
		"nothing":         func(*exchange.Hello) {},
		"errors":          func(h *exchange.Hello) { h.Errors = 4 },
		"clock back":      func(h *exchange.Hello) { h.Clock = 5 },
		"cursor back":     func(h *exchange.Hello) { h.Cursor = 1 },
		"turn back":       func(h *exchange.Hello) { h.Turn = 1 },
		"a lane":          func(h *exchange.Hello) { h.Backfills = []exchange.Backfill{{Audience: "all"}} },
		"voucher":         func(h *exchange.Hello) { h.Voucher = &exchange.Voucher{Seq: 1, Mark: "m"} },
		"timeline":        func(h *exchange.Hello) { h.Timeline = "0000000000000000" },
		"head's timeline": func(h *exchange.Hello) { h.Head.Timeline = "0000000000000000" },
		"acknowledged":    func(h *exchange.Hello) { h.Acknowledged.Seq-- },
		"nonce":           func(h *exchange.Hello) { h.Nonce = "ABCDEF0123456789" },
		"initialising":    func(h *exchange.Hello) { h.Initialising = true },
		"bytes":           func(h *exchange.Hello) { h.Bytes = 99 },
	} {
		for _, n := range []int{0, 2} {
			next := follow(s, h, n)
			change(&next)
			b := encodeShort(&next, last, n, false)
			if b == nil {
				if name == "nothing" || name == "errors" || name == "clock back" {
					t.Errorf("%s: not shortened", name)
				}
				continue
			}
			back, rest, err := decodeShort(b, last)
			if err != nil || back == nil || rest.nothing != (n == 0) || !reflect.DeepEqual(*back, next) {
				t.Errorf("%s: read back as %+v, %+v, %v; want %+v", name, back, rest, err, next)
			}
			for cut := range b {
				if got, _, err := decodeShort(b[:cut], last); err == nil && got != nil {
					t.Errorf("%s: cut at %d it is still read", name, cut)
				}
			}
		}
	}
}

// TestQuietOnlyWhenItSaysAll: an answer with anything else in it is sent in full.
func TestQuietOnlyWhenItSaysAll(t *testing.T) {
	s := newSampler(65)
	h := follow(s, fresh(s), 2)
	for name, change := range map[string]func(f []exchange.Frame) []exchange.Frame{
		"order": func(f []exchange.Frame) []exchange.Frame {
			w, _ := f[0].(exchange.Welcome)
			w.Orders = []string{"resend"}
			f[0] = w
			return f
		},
		"run": func(f []exchange.Frame) []exchange.Frame {
			w, _ := f[0].(exchange.Welcome)
			w.Run = "ffffffff"
			f[0] = w
			return f
		},
		"refusal": func(f []exchange.Frame) []exchange.Frame {
			f[1] = exchange.Receipt{Acknowledged: h.Head, Offered: 2, Applied: 1, Quarantined: 1}
			return f
		},
		"behind": func(f []exchange.Frame) []exchange.Frame {
			f[1] = exchange.Receipt{Acknowledged: h.Acknowledged}
			return f
		},
		"joined": func(f []exchange.Frame) []exchange.Frame {
			f[2] = exchange.Checkpoint{Position: h.Cursor + 2, Joined: []atoll.Audience{"all"}}
			return f
		},
		"other place": func(f []exchange.Frame) []exchange.Frame {
			f[2] = exchange.Checkpoint{Position: h.Cursor}
			return f
		},
	} {
		f := change(quietly(h))
		end, _ := f[len(f)-1].(exchange.End)
		if encodeQuiet(f[:len(f)-1], &end, &h) != nil {
			t.Errorf("%s: shortened", name)
		}
	}
	f := quietly(h)
	end, _ := f[3].(exchange.End)
	b := encodeQuiet(f[:3], &end, &h)
	for cut := range b {
		if _, err := decodeQuiet(b[:cut], &h); !errors.Is(err, atoll.Damaged) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if got, err := decodeQuiet(b, &h); err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestR_K_58_HostileShort: bytes that make no short form are refused as damage, never
// taken for something.
func TestR_K_58_HostileShort(t *testing.T) {
	r := newRig(t, nil)
	r.centre.answer = quietly
	s := newSampler(66)
	h := fresh(s)
	_, err := collect(r.client.Exchange(t.Context(), h, all(nil)))
	must(t, err)
	token, err := r.client.token(context.Background(), "")
	must(t, err)
	post := func(body io.Reader) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+Prefix+"exchange", body)
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultTransport.RoundTrip(req)
		must(t, err)
		t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
		return resp
	}
	next := follow(s, h, 0)
	good := encodeShort(&next, r.client.said.of(testSite), 0, false)
	for name, b := range map[string][]byte{
		"unknown flag": append([]byte{0x80}, good[1:]...),
		"too long":     append(append([]byte{}, good...), 1),
		"too short":    good[:len(good)-1],
		"empty":        nil,
	} {
		pr, pw := io.Pipe()
		go func() { pw.CloseWithError(writePlain(pw, plainFrame{KindShort, b})) }()
		resp := post(pr)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	}
	if hellos, _, _ := r.centre.seen(); len(hellos) != 1 {
		t.Errorf("%d Hellos reached the centre", len(hellos))
	}
}
