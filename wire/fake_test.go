package wire

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCentre answers as told and remembers what it was given.
type fakeCentre struct {
	mu      sync.Mutex
	hellos  []exchange.Hello
	entries []exchange.Entry
	failed  error // how the entries ended
	answer  func(h exchange.Hello) []exchange.Frame
	err     error // after the answer
	deaf    bool  // does not read the entries
}

func (f *fakeCentre) Exchange(_ context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		f.mu.Lock()
		f.hellos = append(f.hellos, h)
		f.mu.Unlock()
		if !f.deaf {
			for e, err := range entries {
				f.mu.Lock()
				if err != nil {
					f.failed = err
				} else {
					f.entries = append(f.entries, exchange.Entry{Seq: e.Seq, Content: slices.Clone(e.Content)})
				}
				f.mu.Unlock()
			}
		}
		if f.answer != nil {
			for _, frame := range f.answer(h) {
				if !yield(frame, nil) {
					return
				}
			}
		}
		if f.err != nil {
			yield(nil, f.err)
		}
	}
}

func (f *fakeCentre) seen() (hellos []exchange.Hello, entries []exchange.Entry, failed error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.hellos), slices.Clone(f.entries), f.failed
}

// fakeGate lets one site in.
type fakeGate struct {
	mu      sync.Mutex
	site    atoll.SiteID
	key     ed25519.PublicKey
	system  atoll.ID
	token   string // the valid one
	next    int
	signIns int
	err     error
}

func (g *fakeGate) Enrol(_ context.Context, e exchange.Enrolment) (exchange.Enrolled, error) {
	if g.err != nil {
		return exchange.Enrolled{}, g.err
	}
	if e.Code != "RIGHT-CODE" {
		return exchange.Enrolled{}, atoll.Errorf(atoll.SiteSecret, "the code is wrong")
	}
	return exchange.Enrolled{Site: g.site, Name: "Suva", Centre: "00112233aabbccdd", System: g.system}, nil
}

func (g *fakeGate) Challenge(context.Context, atoll.SiteID) (string, error) { return "a-nonce", g.err }

func (g *fakeGate) SignIn(_ context.Context, s exchange.SignIn) (exchange.Token, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !exchange.Verify(g.key, exchange.SignedText(g.system, s.Site, s.Device, s.Nonce), s.Signature) {
		return exchange.Token{}, atoll.Errorf(atoll.SignIn, "the signature is wrong")
	}
	g.next++
	g.signIns++
	g.token = []string{"", "tok-1", "tok-2", "tok-3", "tok-4"}[g.next]
	return exchange.Token{Token: g.token, Expires: time.Hour}, nil
}

func (g *fakeGate) Authenticate(_ context.Context, token string) (atoll.SiteID, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if token == "" || token != g.token {
		return 0, atoll.Errorf(atoll.SignIn, "the token has expired")
	}
	return g.site, nil
}

func (g *fakeGate) expire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.token = ""
}

// rig is a centre behind a real socket and a client for it.
type rig struct {
	centre  *fakeCentre
	gate    *fakeGate
	server  *httptest.Server
	client  *Client
	mu      sync.Mutex
	reports []exchange.Report
}

func (r *rig) told() []exchange.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.reports)
}

// testCodec is for bytes outside of any handler or client.
var testCodec = newCodec()

const testSite = atoll.SiteID(7)

func newRig(t testing.TB, change func(*Options, *ClientOptions)) *rig {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	r := &rig{centre: &fakeCentre{}, gate: &fakeGate{site: testSite, key: public, system: "0190aaaa-0000-7000-8000-000000000001"}}
	o := Options{Centre: r.centre, Gate: r.gate, Version: "1.2.3", Report: func(x exchange.Report) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reports = append(r.reports, x)
	}}
	co := ClientOptions{Site: testSite, System: r.gate.system, Device: "device-1", Key: private}
	if change != nil {
		change(&o, &co)
	}
	r.server = httptest.NewServer(Handler(o))
	t.Cleanup(r.server.Close)
	co.URL = r.server.URL
	r.client, err = NewClient(co)
	must(t, err)
	t.Cleanup(r.client.Close)
	return r
}

// conversation is a hello, entries and an answer with every kind of frame.
func conversation(seed uint64) (exchange.Hello, []exchange.Entry, []exchange.Frame) {
	s := newSampler(seed)
	h := s.hello()
	h.Site = testSite
	entries := []exchange.Entry{s.entry(h.Head.Seq+1, 12, 13), s.entry(h.Head.Seq+2, 5)}
	idle := s.idle(h)
	rewind := atoll.Position(99)
	w := idle[0].(exchange.Welcome)
	w.App, w.Rewind, w.Orders, w.Known = "2.0.0", &rewind, []string{"resend"}, atoll.Head{}
	plain := s.record(13)
	gone := exchange.Record{Position: 12, Key: atoll.Key{Type: "item", ID: s.id()}, Version: 3, Gone: true}
	forced := s.record(4)
	forced.Forced, forced.Deleted, forced.Lane = true, true, atoll.PatientAudience(s.id())
	return h, entries, []exchange.Frame{
		w,
		exchange.Receipt{
			Acknowledged: atoll.Head{Timeline: h.Timeline, Seq: h.Head.Seq + 2, Hash: s.hash()}, Offered: 2, Applied: 1, Quarantined: 1, Open: 3,
			Refusals: []exchange.Refusal{{Seq: h.Head.Seq + 2, Code: atoll.Ownership, Layer: "ownership", Message: "not yours", Type: "item", ID: s.id(), Field: "x"}},
		},
		exchange.Subscription{Audiences: []atoll.Audience{"all", "site/7"}},
		plain, gone, forced,
		exchange.Checkpoint{Position: 900, Joined: []atoll.Audience{"all"}},
		exchange.End{Cursor: 901, Backfills: []exchange.Backfill{{Audience: "all", Cursor: 3}}, Head: 950, More: true},
	}
}

func all(entries []exchange.Entry) iter.Seq2[exchange.Entry, error] {
	return func(yield func(exchange.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func collect(answer iter.Seq2[exchange.Frame, error]) (frames []exchange.Frame, err error) {
	for f, e := range answer {
		if e != nil {
			return frames, e
		}
		frames = append(frames, f)
	}
	return frames, nil
}

var _ http.Handler = (*handler)(nil)

func b64Of(p Pin) string { return base64.StdEncoding.EncodeToString(p[:]) }
