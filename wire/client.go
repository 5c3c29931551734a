package wire

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// ClientOptions are what [NewClient] needs. URL must be set, and to exchange also
// Site, System, Device and Key; the zero value of the rest works.
type ClientOptions struct {
	URL string // of the centre, without [Prefix]
	// Pin is the key of a centre whose certificate no authority signed. When it is
	// set, that key is trusted and no other.
	Pin Pin
	// Roots are the authorities to trust; the system's if nil.
	Roots *x509.CertPool
	// AllowPlain permits http:// for hosts other than this one: for a network that
	// encrypts by itself, never for the internet.
	AllowPlain bool

	Site   atoll.SiteID
	System atoll.ID
	Device string
	Key    ed25519.PrivateKey
	// Tokens keep the token between runs, to save two round trips. In memory if nil.
	Tokens TokenStore

	Connect time.Duration // to connect, and again for TLS; 10 seconds if zero
	Idle    time.Duration // without a byte, until an exchange is given up; 5 minutes if zero (R-H-24)
	// Now is the clock for the end of tokens; time.Now if nil.
	Now func() time.Time
	// Report is called after each request, with bytes as they were on the wire
	// below HTTP's headers. It may be nil.
	Report func(exchange.Report)
	// Dial replaces the network in tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport replaces HTTP in tests; Pin, Connect and Dial are then its own
	// affair.
	Transport http.RoundTripper
}

// TokenStore keeps the site's token. Load returns "" when there is none. Failing
// to keep a token costs a sign-in, no more, so neither returns an error.
type TokenStore interface {
	Load(context.Context) (token string, expires time.Time)
	Save(ctx context.Context, token string, expires time.Time)
}

type memoryTokens struct {
	mu      sync.Mutex
	token   string
	expires time.Time
}

func (m *memoryTokens) Load(context.Context) (string, time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.token, m.expires
}

func (m *memoryTokens) Save(_ context.Context, token string, expires time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.token, m.expires = token, expires
}

// Client reaches a centre over HTTP. It implements [exchange.Centre]. It signs in
// by itself, and keeps one connection warm between exchanges. It tries nothing
// twice but an expired token: when and how often to try again is its owner's
// affair. It is safe for concurrent use. Close it after use.
type Client struct {
	o         ClientOptions
	base      *url.URL
	transport http.RoundTripper
	codec     *codec
	signing   sync.Mutex
	said      memory // what the centre remembers of us
}

var _ exchange.Centre = (*Client)(nil)

// NewClient returns a client; it connects to nothing yet. It fails with
// [atoll.Invalid] for an address that is none or that would send secrets in
// plain text.
func NewClient(o ClientOptions) (*Client, error) {
	base, err := ParseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "http" {
		if !o.AllowPlain && !loopback(base.Hostname()) {
			return nil, atoll.Errorf(atoll.Invalid, "the address %s would send everything unencrypted", base).
				Do("use https://")
		}
		if !o.Pin.IsZero() {
			return nil, atoll.Errorf(atoll.Invalid, "a fingerprint needs an address with https://")
		}
	}
	if o.Key != nil && len(o.Key) != ed25519.PrivateKeySize {
		return nil, atoll.Errorf(atoll.Invalid, "the site's key has %d bytes", len(o.Key)).On("key")
	}
	o.Connect = cmp.Or(o.Connect, 10*time.Second)
	o.Idle = cmp.Or(o.Idle, 5*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tokens == nil {
		o.Tokens = &memoryTokens{}
	}
	c := &Client{o: o, base: base, transport: o.Transport, codec: newCodec()}
	if c.transport == nil {
		c.transport = newTransport(&o)
	}
	return c, nil
}

func newTransport(o *ClientOptions) *http.Transport {
	dial := o.Dial
	if dial == nil {
		d := &net.Dialer{Timeout: o.Connect, KeepAlive: 30 * time.Second}
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := d.DialContext(ctx, network, address)
			if tcp, ok := conn.(*net.TCPConn); ok {
				// Without this a kernel takes megabytes at once, and what looks sent is
				// still waiting: on a slow line for longer than we wait for an answer.
				_ = tcp.SetWriteBuffer(256 << 10)
			}
			return conn, err
		}
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dial,
		TLSClientConfig:        clientTLS(o.Pin, o.Roots),
		TLSHandshakeTimeout:    o.Connect,
		DisableCompression:     true, // the frames are compressed
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        15 * time.Minute, // longer than the usual time between two cycles
		ExpectContinueTimeout:  30 * time.Second, // then the body goes anyway
		MaxResponseHeaderBytes: 64 << 10,
		// HTTP/1.1: one request at a time needs no streams, and an idle exchange
		// fewer bytes.
		Protocols: http1(),
	}
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// Close drops the warm connection. Exchanges under way go on.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Rest gives back memory that only a busy client needs: what it compresses with,
// some four megabytes. A short exchange does without.
func (c *Client) Rest() {
	c.codec.encoders.drop()
	c.codec.decoders.drop()
}

// Ping asks the centre who it is, without credentials: the first half of "check
// connection" (R-H-47).
func (c *Client) Ping(ctx context.Context) (Pong, error) {
	var p Pong
	err := c.call(ctx, http.MethodGet, "ping", nil, &p)
	if err == nil && p.Protocol == 0 {
		return p, notAtoll(&http.Response{StatusCode: http.StatusOK})
	}
	return p, err
}

// Enrol trades a one-time code for a place in the system. The answer's errors are
// those of [exchange.Gate].
func (c *Client) Enrol(ctx context.Context, e exchange.Enrolment) (exchange.Enrolled, error) {
	var enrolled exchange.Enrolled
	err := c.call(ctx, http.MethodPost, "enrol", e, &enrolled)
	return enrolled, err
}

// SignIn signs in and keeps the token. Exchange does it when it must; calling it
// checks the site's credentials and nothing else (R-H-47).
func (c *Client) SignIn(ctx context.Context) error {
	c.signing.Lock()
	defer c.signing.Unlock()
	_, err := c.signIn(ctx)
	return err
}

// token returns a token other than stale, which the centre has refused: the one
// kept, or a new one.
func (c *Client) token(ctx context.Context, stale string) (string, error) {
	c.signing.Lock()
	defer c.signing.Unlock()
	token, expires := c.o.Tokens.Load(ctx)
	if token != "" && token != stale && c.o.Now().Before(expires) {
		return token, nil
	}
	return c.signIn(ctx)
}

func (c *Client) signIn(ctx context.Context) (string, error) {
	if c.o.Key == nil {
		return "", atoll.Errorf(atoll.SignIn, "this site has no key to sign in with").Do("enrol the site first")
	}
	var n nonce
	if err := c.call(ctx, http.MethodPost, "challenge", challenge{c.o.Site}, &n); err != nil {
		return "", err
	}
	s := exchange.SignIn{Site: c.o.Site, Nonce: n.Nonce, Device: c.o.Device}
	s.Signature = ed25519.Sign(c.o.Key, exchange.SignedText(c.o.System, s.Site, s.Device, s.Nonce))
	var t exchange.Token
	if err := c.call(ctx, http.MethodPost, "token", s, &t); err != nil {
		return "", err
	}
	c.o.Tokens.Save(ctx, t.Token, c.o.Now().Add(t.Expires))
	return t.Token, nil
}

// call sends one JSON message and reads another.
func (c *Client) call(ctx context.Context, method, route string, in, out any) error {
	return c.send(ctx, method, route, "", maxMessage, in, out)
}

// ask posts a question of this site's, signed in: once more with a new token where the
// centre takes the one that it gave no longer.
func (c *Client) ask(ctx context.Context, route string, in, out any) error {
	for stale := ""; ; {
		token, err := c.token(ctx, stale)
		if err != nil {
			return err
		}
		err = c.send(ctx, http.MethodPost, route, token, maxAnswer, in, out)
		if stale != "" || !errors.Is(err, atoll.SignIn) {
			return err
		}
		stale = token
	}
}

// cycleHeader names the cycle that a question is part of, for the centre's log. What an
// exchange is part of stands in the exchange.
const cycleHeader = "Cycle"

// send is call, signed in with a token if there is one, for an answer of most
// bytes.
func (c *Client) send(ctx context.Context, method, route, token string, most int64, in, out any) (err error) {
	start := c.o.Now()
	report := exchange.Report{Site: c.o.Site, Route: route}
	defer func() { c.told(&report, start, err) }()
	watch := newWatchdog(ctx, c.o.Idle)
	defer watch.stop()
	var body []byte
	if in != nil {
		if body, err = marshal(in); err != nil {
			return err
		}
	}
	req := c.request(watch.ctx, method, route)
	if token != "" {
		req.Header["Authorization"] = []string{"Bearer " + token}
		report.Cycle = cmp.Or(exchange.CycleIn(ctx), exchange.NewCycle())
		req.Header[cycleHeader] = []string{report.Cycle}
	}
	if in != nil {
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.ContentLength = int64(len(body))
		report.Sent = req.ContentLength
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return c.unreachable(watch, err)
	}
	defer resp.Body.Close()
	report.Status = resp.StatusCode
	if err := refusal(resp); err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(watch.reader(resp.Body), most))
	report.Received = int64(len(b))
	if err != nil {
		return c.unreachable(watch, err)
	}
	if json.Unmarshal(b, out) != nil {
		return notAtoll(resp)
	}
	return nil
}

// refusal returns the error in a response that is not 200.
func refusal(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusOK:
		return nil
	case resp.StatusCode >= 400:
		return ReadProblem(resp)
	}
	return notAtoll(resp) // we never redirect
}

// request has no header that the centre can do without.
func (c *Client) request(ctx context.Context, method, route string) *http.Request {
	u := *c.base
	u.Path += Prefix + route
	r := &http.Request{
		Method: method, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {""}},
	}
	return r.WithContext(ctx)
}

func (c *Client) told(r *exchange.Report, start time.Time, err error) {
	if c.o.Report == nil {
		return
	}
	r.Code, r.Took = atoll.CodeOf(err), c.o.Now().Sub(start)
	c.o.Report(*r)
}
