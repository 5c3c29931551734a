package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// TestR_K_47_ExpiredToken: the client signs in again, once, whether the request
// is short or long.
func TestR_K_47_ExpiredToken(t *testing.T) {
	for _, n := range []int{2, 900} { // in one piece, and in many
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := newSampler(41)
			h := s.hello()
			h.Site = testSite
			var entries []exchange.Entry
			for i := range n {
				entries = append(entries, s.entry(uint64(i+1), s.IntN(99)))
			}
			r := newRig(t, nil)
			r.centre.answer = s.idle
			_, err := collect(r.client.Exchange(t.Context(), h, all(entries)))
			must(t, err)
			r.gate.expire()
			_, err = collect(r.client.Exchange(t.Context(), h, all(entries)))
			must(t, err)
			if _, arrived, failed := r.centre.seen(); len(arrived) != 2*n || failed != nil || r.gate.signIns != 2 {
				t.Errorf("%d entries arrived, %v, %d sign-ins", len(arrived), failed, r.gate.signIns)
			}
		})
	}
}

// TestSignInOnlyOnce: a centre that never accepts the token is not asked for ever.
func TestSignInOnlyOnce(t *testing.T) {
	r := newRig(t, func(o *Options, _ *ClientOptions) { o.Gate = forgetful{o.Gate} })
	h, entries, _ := conversation(42)
	_, err := collect(r.client.Exchange(t.Context(), h, all(entries)))
	if !errors.Is(err, atoll.SignIn) || r.gate.signIns != 2 {
		t.Errorf("%v after %d sign-ins, want sign_in after 2", err, r.gate.signIns)
	}
}

type forgetful struct{ exchange.Gate }

func (forgetful) Authenticate(context.Context, string) (atoll.SiteID, error) {
	return 0, atoll.Errorf(atoll.SignIn, "who are you?")
}

func TestSignInErrors(t *testing.T) {
	r := newRig(t, nil)
	r.gate.err = atoll.Errorf(atoll.SiteLocked, "too many")
	h, _, _ := conversation(42)
	if _, err := collect(r.client.Exchange(t.Context(), h, all(nil))); !errors.Is(err, atoll.SiteLocked) {
		t.Errorf("%v, want the gate's error", err)
	}
	r.client.o.Key = nil
	if err := r.client.SignIn(t.Context()); !errors.Is(err, atoll.SignIn) {
		t.Errorf("without a key: %v", err)
	}
}

// TestR_H_10_Enrol: the gate's codes come through.
func TestR_H_10_Enrol(t *testing.T) {
	r := newRig(t, nil)
	got, err := r.client.Enrol(t.Context(), exchange.Enrolment{Site: "Suva", Code: "RIGHT-CODE", Key: []byte("k"), Device: "d", Protocol: 1})
	if err != nil || got.Site != testSite || got.System != r.gate.system || got.Name != "Suva" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, code := range []atoll.Code{atoll.SiteUnknown, atoll.SiteSecret, atoll.SiteDevice, atoll.OldProtocol, atoll.SiteNoStore, atoll.SiteLocked} {
		r.gate.err = atoll.Errorf(code, "because").Do("ask")
		if _, err := r.client.Enrol(t.Context(), exchange.Enrolment{}); !errors.Is(err, code) {
			t.Errorf("%v, want %s", err, code)
		}
	}
}

func TestR_H_47_Ping(t *testing.T) {
	now := time.UnixMilli(1234567)
	r := newRig(t, func(o *Options, _ *ClientOptions) { o.Now = func() time.Time { return now } })
	if p, err := r.client.Ping(t.Context()); err != nil || p != (Pong{exchange.Protocol, exchange.OldestProtocol, "1.2.3", 1234567}) {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestEntriesFail: an error of the site's own database ends the request; what was
// sent before counts; and the error is what comes back.
func TestEntriesFail(t *testing.T) {
	own := errors.New("the disk is gone")
	s := newSampler(43)
	h := s.hello()
	h.Site = testSite
	r := newRig(t, nil)
	r.centre.answer = s.idle
	for _, n := range []int{1, 900} {
		_, err := collect(r.client.Exchange(t.Context(), h, func(yield func(exchange.Entry, error) bool) {
			for i := range n {
				if !yield(s.entry(uint64(i+1), s.IntN(99)), nil) {
					return
				}
			}
			yield(exchange.Entry{}, own)
		}))
		if !errors.Is(err, own) {
			t.Errorf("after %d entries: %v", n, err)
		}
	}
	r.server.Close()
	if _, arrived, failed := r.centre.seen(); len(arrived) < 900-2*flushFrames || !errors.Is(failed, atoll.Interrupted) {
		t.Errorf("%d entries arrived, then %v", len(arrived), failed)
	}
}

// TestBreakOff: whoever breaks off an answer leaves nothing running.
func TestBreakOff(t *testing.T) {
	h, entries, frames := conversation(44)
	r := newRig(t, nil)
	r.centre.answer = func(exchange.Hello) []exchange.Frame { return frames }
	for range r.client.Exchange(t.Context(), h, all(entries)) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := collect(r.client.Exchange(ctx, h, all(entries))); !errors.Is(err, atoll.Interrupted) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestDeadWarmConnection: a connection that died while nobody looked costs no
// failed exchange.
func TestDeadWarmConnection(t *testing.T) {
	r := newRig(t, nil)
	s := newSampler(45)
	h := s.hello()
	h.Site = testSite
	r.centre.answer = s.idle
	for range 3 {
		_, err := collect(r.client.Exchange(t.Context(), h, all(nil)))
		if err != nil {
			t.Fatalf("%v: %v", err, errors.Unwrap(err))
		}
		r.server.CloseClientConnections()
	}
}

func tlsRig(t *testing.T, change func(*ClientOptions)) (*Client, Pin) {
	t.Helper()
	certPEM, keyPEM, err := SelfSigned([]string{"127.0.0.1", "sync.example.org"}, time.Now())
	must(t, err)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	must(t, err)
	pin, err := FingerprintPEM(certPEM)
	must(t, err)
	server := httptest.NewUnstartedServer(Handler(Options{}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	o := ClientOptions{URL: server.URL, Pin: pin}
	if change != nil {
		change(&o)
	}
	c, err := NewClient(o)
	must(t, err)
	t.Cleanup(c.Close)
	return c, pin
}

// TestR_A_02_TLS: a self-signed certificate is accepted by its pin and by nothing
// else, and nothing below TLS 1.2.
func TestR_A_02_TLS(t *testing.T) {
	c, pin := tlsRig(t, nil)
	for range 2 {
		_, err := c.Ping(t.Context())
		must(t, err)
		c.Close() // the second time on a resumed session
	}
	for name, tt := range map[string]struct {
		change func(*ClientOptions)
		pin    bool
		words  string
	}{
		"another pin": {func(o *ClientOptions) { o.Pin[0]++ }, true, "not the one this site was enrolled with"},
		"no pin":      {func(o *ClientOptions) { o.Pin = Pin{} }, false, "vouches"},
		"right authority, wrong name": {func(o *ClientOptions) {
			o.Pin, o.Roots = Pin{}, x509.NewCertPool()
			o.URL = strings.Replace(o.URL, "127.0.0.1", "localhost", 1)
		}, false, ""},
	} {
		c, _ := tlsRig(t, tt.change)
		_, err := c.Ping(t.Context())
		if !errors.Is(err, atoll.Unavailable) || errors.Is(err, ErrPin) != tt.pin || !strings.Contains(fmt.Sprint(err), tt.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if min := clientTLS(pin, nil).MinVersion; min < tls.VersionTLS12 {
		t.Errorf("TLS from version %x", min)
	}
	if _, err := NewClient(ClientOptions{URL: "http://sync.example.org"}); !errors.Is(err, atoll.Invalid) {
		t.Errorf("plain HTTP over the internet: %v", err)
	}
	for _, o := range []ClientOptions{{URL: "http://sync.example.org", AllowPlain: true}, {URL: "http://localhost:1"}, {URL: "http://[::1]:1"}} {
		if _, err := NewClient(o); err != nil {
			t.Errorf("%s: %v", o.URL, err)
		}
	}
}

func TestPin(t *testing.T) {
	certPEM, _, err := SelfSigned([]string{"x"}, time.Now())
	must(t, err)
	pin, err := FingerprintPEM(certPEM)
	must(t, err)
	b64 := "sha256//" + b64Of(pin)
	colons := strings.ToUpper(pin.String())
	for i := len(colons) - 2; i > 0; i -= 2 {
		colons = colons[:i] + ":" + colons[i:]
	}
	for _, s := range []string{pin.String(), strings.ToUpper(pin.String()), colons, b64, strings.TrimRight(b64, "="), " " + pin.String() + "\n", "sha256:" + pin.String()} {
		if got, err := ParsePin(s); err != nil || got != pin {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"xyz", pin.String()[:62], pin.String() + "00"} {
		if _, err := ParsePin(s); !errors.Is(err, atoll.Invalid) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if p, err := ParsePin(""); err != nil || !p.IsZero() || p.String() != "" {
		t.Errorf("nothing: %v, %v", p, err)
	}
}

// TestUnreachable: what goes wrong on the way is said in words, with advice.
func TestUnreachable(t *testing.T) {
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/portal"):
			_, _ = io.WriteString(w, "<html>Welcome! Please pay.</html>")
		case strings.HasPrefix(r.URL.Path, "/redirect"):
			http.Redirect(w, r, "http://login.example.org/", http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/proxy"):
			http.Error(w, "bad gateway", http.StatusBadGateway)
		case strings.HasPrefix(r.URL.Path, "/hangup"):
			panic(http.ErrAbortHandler)
		}
	}))
	defer html.Close()
	dial := func(err error) func(*ClientOptions) {
		return func(o *ClientOptions) {
			o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, err }
		}
	}
	for _, tt := range []struct {
		name  string
		set   func(*ClientOptions)
		code  atoll.Code
		words string
	}{
		{"log-in page", func(o *ClientOptions) { o.URL = html.URL + "/portal" }, atoll.Unavailable, "not an Atoll server"},
		{"redirect", func(o *ClientOptions) { o.URL = html.URL + "/redirect" }, atoll.Unavailable, "not an Atoll server"},
		{"proxy", func(o *ClientOptions) { o.URL = html.URL + "/proxy" }, atoll.Unavailable, "not an Atoll server"},
		{"empty answer", func(o *ClientOptions) { o.URL = html.URL + "/empty" }, atoll.Interrupted, ""},
		{"hung up", func(o *ClientOptions) { o.URL = html.URL + "/hangup" }, atoll.Interrupted, "broke"},
		{"TLS where there is none", func(o *ClientOptions) { o.URL = strings.Replace(html.URL, "http:", "https:", 1) }, atoll.Unavailable, ""},
		{"no such name", dial(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}}), atoll.Unavailable, "cannot be found"},
		{"nobody listens", func(o *ClientOptions) { o.URL = "http://127.0.0.1:1" }, atoll.Unavailable, "nothing answers"},
		{"no route", dial(&net.OpError{Op: "dial", Err: errors.New("network is unreachable")}), atoll.Unavailable, "no way"},
		{"slow to connect", dial(&net.OpError{Op: "dial", Err: context.DeadlineExceeded}), atoll.Unavailable, "in time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := ClientOptions{URL: "http://127.0.0.1:9", Site: testSite, Tokens: &memoryTokens{token: "t", expires: time.Now().Add(time.Hour)}}
			tt.set(&o)
			c, err := NewClient(o)
			must(t, err)
			defer c.Close()
			h, entries, _ := conversation(46)
			_, err = collect(c.Exchange(t.Context(), h, all(entries)))
			var e *atoll.Error
			if !errors.As(err, &e) || e.Code != tt.code || !strings.Contains(e.Message, tt.words) || (e.Hint == "" && tt.words != "") {
				t.Errorf("%v (%s), want %s with %q", err, atoll.CodeOf(err), tt.code, tt.words)
			}
		})
	}
}

// countingConn counts what a connection carries.
type countingConn struct {
	net.Conn
	up, down *atomic.Int64
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.down.Add(int64(n))
	return n, err
}

func (c countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.up.Add(int64(n))
	return n, err
}

// TestR_L_09_IdleBytes measures an idle exchange on a warm connection, headers
// and all.
func TestR_L_09_IdleBytes(t *testing.T) {
	var up, down atomic.Int64
	r := newRig(t, func(_ *Options, o *ClientOptions) {
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			return countingConn{c, &up, &down}, err
		}
	})
	s := newSampler(47)
	h := s.hello()
	h.Site = testSite
	r.centre.answer = s.idle
	r.client.o.Tokens.Save(t.Context(), "0123456789abcdefghijkl", time.Now().Add(time.Hour))
	r.gate.token = "0123456789abcdefghijkl"
	for range 3 {
		up.Store(0)
		down.Store(0)
		h.Turn, h.Nonce, h.Clock = h.Turn+1, s.digits(16), h.Clock+300_000
		_, err := collect(r.client.Exchange(t.Context(), h, all(nil)))
		must(t, err)
	}
	t.Logf("idle exchange: %d bytes up, %d down, %d in all", up.Load(), down.Load(), up.Load()+down.Load())
	if up.Load()+down.Load() > 450 {
		t.Errorf("an idle exchange takes %d bytes", up.Load()+down.Load())
	}
}

func TestTicket(t *testing.T) {
	var pin Pin
	pin[3] = 9
	for _, want := range []Ticket{
		{URL: "https://sync.example.org", Code: "ABCD-EFGH-1234"},
		{URL: "https://sync.example.org:8443/atoll", Code: "abcd1234", Pin: pin},
		{URL: "http://127.0.0.1:80", Code: "12345"},
	} {
		s := want.String()
		for _, sent := range []string{s, " " + s + "\r\n", "<" + s + ">", "\"" + s + "\".", s[:20] + "\n  " + s[20:], "\u200b" + s} {
			if got, err := ParseTicket(sent); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %+v, %v", sent, got, err)
			}
		}
	}
	good := Ticket{URL: "https://x.org", Code: "ABCD", Pin: pin}.String()
	for _, bad := range []string{
		"", "hello", "atoll:", "atoll:https://x.org", "atoll:https://x.org#", "atoll:https://x.org#AB", "atoll:ftp://x.org#ABCD",
		"atoll:https://u:p@x.org#ABCD", "atoll:https://x.org?a=b#ABCD", good[:len(good)-1], "atoll:https://x.org#AB_CD", strings.Repeat("x", 3000),
	} {
		if got, err := ParseTicket(bad); !errors.Is(err, atoll.Invalid) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}

func FuzzTicket(f *testing.F) {
	f.Add("atoll:https://x.org#ABCD")
	f.Add("atoll:https://[::1]:80/a%20b#A-B-C-D." + strings.Repeat("0a", 32))
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTicket(s)
		if err != nil {
			if !errors.Is(err, atoll.Invalid) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if again, err := ParseTicket(got.String()); err != nil || again != got {
			t.Fatalf("%q is %+v, and that is %+v, %v", s, got, again, err)
		}
	})
}
