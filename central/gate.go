package central

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// Times of the gate.
const (
	codeLife    = 7 * 24 * time.Hour
	nonceLife   = time.Minute
	tokenLife   = time.Hour
	maxFailures = 3
	lockTime    = time.Hour // R-H-15
	maxNonces   = 100_000
)

// nonce is a challenge given to a site.
type nonce struct {
	site    atoll.SiteID
	expires time.Time
}

var codeText = base32.StdEncoding.WithPadding(base32.NoPadding)

// newCode returns a one-time code of 80 random bits in four groups, and its
// digest, which is all the centre keeps.
func newCode() (code string, digest []byte) {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	text := codeText.EncodeToString(b[:])
	code = text[0:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:16]
	return code, hashCode(code)
}

// hashCode forgives what people do when they type a code.
func hashCode(code string) []byte {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case (r >= 'A' && r <= 'Z') || (r >= '2' && r <= '7'):
			return r
		case r == '0':
			return 'O'
		case r == '1':
			return 'I'
		}
		return -1
	}, code)
	h := sha256.Sum256([]byte("atoll code\n" + clean))
	return h[:]
}

// Enrol trades a one-time code for a place in the system; see exchange.Gate.
func (c *Centre) Enrol(ctx context.Context, e exchange.Enrolment) (exchange.Enrolled, error) {
	var out exchange.Enrolled
	var refusal error // kept apart: the count of failures is committed with it
	err := c.commits.do(ctx, func(tx storage.Tx) error {
		out, refusal = exchange.Enrolled{}, nil
		s, name, err := c.findCode(tx, e)
		if err != nil {
			return err
		}
		now := c.Now()
		switch {
		case now.Before(s.LockedUntil):
			return exchange.Later(s.LockedUntil.Sub(now), atoll.Errorf(atoll.SiteLocked, "too many wrong codes").
				Do("try again in %d minutes, or ask the centre for a new code", int(s.LockedUntil.Sub(now).Minutes())+1))
		case len(s.CodeHash) == 0 || subtle.ConstantTimeCompare(s.CodeHash, hashCode(e.Code)) != 1 || now.After(s.CodeExpires):
			s.Failures++
			if s.Failures >= maxFailures {
				s.Failures, s.LockedUntil = 0, now.Add(lockTime)
			}
			refusal = atoll.Errorf(atoll.SiteSecret, "the code is wrong, used up or out of date").
				Do("ask the centre for a new one: atoll site code %d", s.Site)
			return s.save(tx)
		case s.Device != "" && s.Device != e.Device:
			return atoll.Errorf(atoll.SiteDevice, "site %d belongs to another device", s.Site).
				Do("reset it at the centre with: atoll site reset-device %d", s.Site)
		case e.Protocol > exchange.Protocol || e.Protocol < exchange.OldestProtocol:
			return atoll.Errorf(atoll.OldProtocol, "the site speaks protocol %d; the centre accepts %d to %d",
				e.Protocol, exchange.OldestProtocol, exchange.Protocol).Do("upgrade the older of the two programs")
		case len(e.Device) > exchange.MaxText || len(e.App) > exchange.MaxText:
			// Every Hello would be refused for it.
			return atoll.Errorf(atoll.TooLarge, "the name of the device has %d bytes and that of the program %d; the limit is %d",
				len(e.Device), len(e.App), exchange.MaxText).On("device")
		case len(e.Key) != 32:
			return atoll.Errorf(atoll.Invalid, "the site's key has %d bytes; want 32", len(e.Key))
		}
		t, err := c.Door.Topology(tx)
		if err != nil {
			return err
		}
		if len(t.Active(s.Site)) == 0 {
			return atoll.Errorf(atoll.SiteNoStore, "site %d has no store yet", s.Site).
				Do("put a store on it at the centre with: atoll store assign STORE %d", s.Site)
		}
		if !s.KeyUntil.IsZero() && bytes.Equal(s.Key, e.Key) {
			return atoll.Errorf(atoll.Invalid, "this is the key that is to be replaced").On("key")
		}
		s.CodeHash, s.CodeExpires, s.Failures, s.KeyUntil = nil, time.Time{}, 0, time.Time{}
		s.Key, s.Device, s.App, s.Protocol = e.Key, e.Device, e.App, e.Protocol
		s.TokenEpoch++
		l, err := loadLife(tx)
		if err != nil {
			return err
		}
		out = exchange.Enrolled{Site: s.Site, Name: name, Centre: l.Timeline, System: c.System}
		return s.save(tx)
	})
	if err == nil {
		err = refusal
	}
	return out, err
}

// findCode finds the site the enrolment is about: by name, or by its code.
func (c *Centre) findCode(r storage.Reader, e exchange.Enrolment) (SiteState, string, error) {
	t, err := c.Door.Topology(r)
	if err != nil {
		return SiteState{}, "", err
	}
	digest := hashCode(e.Code)
	for _, site := range t.Sites() {
		if site.ID == t.Centre() || site.Disabled || (e.Site != "" && site.Name != e.Site) {
			continue
		}
		s, err := State(r, site.ID)
		if errors.Is(err, atoll.SiteUnknown) {
			continue
		}
		if err != nil {
			return s, "", err
		}
		if e.Site != "" || subtle.ConstantTimeCompare(s.CodeHash, digest) == 1 {
			return s, site.Name, nil
		}
	}
	if e.Site != "" {
		return SiteState{}, "", atoll.Errorf(atoll.SiteUnknown, "there is no site named %q", e.Site).
			Do("check the spelling, or make it at the centre with: atoll site add")
	}
	return SiteState{}, "", atoll.Errorf(atoll.SiteSecret, "the code is wrong, used up or out of date").
		Do("ask the centre for a new one")
}

// Challenge returns a nonce to sign; see exchange.Gate. It tells nothing about
// whether the site exists.
func (c *Centre) Challenge(_ context.Context, site atoll.SiteID) (string, error) {
	var b [18]byte
	_, _ = rand.Read(b[:])
	text := base64.RawURLEncoding.EncodeToString(b[:])
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.nonces) >= maxNonces {
		for k, n := range c.nonces {
			if now.After(n.expires) {
				delete(c.nonces, k)
			}
		}
		if len(c.nonces) >= maxNonces {
			return "", atoll.Errorf(atoll.Busy, "too many sign-ins at once").Do("it is tried again by itself")
		}
	}
	c.nonces[text] = nonce{site, now.Add(nonceLife)}
	return text, nil
}

// SignIn trades a signature for a token; see exchange.Gate.
func (c *Centre) SignIn(ctx context.Context, s exchange.SignIn) (exchange.Token, error) {
	now := c.Now()
	c.mu.Lock()
	n, ok := c.nonces[s.Nonce]
	delete(c.nonces, s.Nonce)
	c.mu.Unlock()
	denied := atoll.Errorf(atoll.SignIn, "the sign-in of site %d was not accepted", s.Site).
		Do("if this goes on, enrol the site again with a new code")
	if !ok || n.site != s.Site || now.After(n.expires) {
		return exchange.Token{}, denied
	}
	var token exchange.Token
	err := c.Store.View(ctx, func(r storage.Reader) error {
		state, err := State(r, s.Site)
		if errors.Is(err, atoll.SiteUnknown) {
			return denied
		}
		if err != nil {
			return err
		}
		if !exchange.Verify(state.Key, exchange.SignedText(c.System, s.Site, s.Device, s.Nonce), s.Signature) {
			return denied
		}
		if err := state.outdated(now); err != nil {
			return err
		}
		if state.Device != "" && state.Device != s.Device {
			return atoll.Errorf(atoll.SiteDevice, "site %d belongs to another device", s.Site).
				Do("reset it at the centre with: atoll site reset-device %d", s.Site)
		}
		secret, err := tokenSecret(r)
		if err != nil {
			return err
		}
		token = exchange.Token{Token: makeToken(secret, s.Site, state.TokenEpoch, now.Add(tokenLife)), Expires: tokenLife}
		return nil
	})
	return token, err
}

// Authenticate returns the site that holds the token; see exchange.Gate.
func (c *Centre) Authenticate(ctx context.Context, token string) (atoll.SiteID, error) {
	denied := atoll.Errorf(atoll.SignIn, "the token is not valid, or no longer")
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != tokenSize {
		return 0, denied
	}
	site := atoll.SiteID(binary.BigEndian.Uint32(b[0:4]))
	expires := time.Unix(int64(binary.BigEndian.Uint32(b[8:12])), 0)
	err = c.Store.View(ctx, func(r storage.Reader) error {
		secret, err := tokenSecret(r)
		if err != nil {
			return err
		}
		if !hmac.Equal(b[12:], sign(secret, b[:12])) || c.Now().After(expires) {
			return denied
		}
		state, err := State(r, site)
		if err != nil || state.TokenEpoch != binary.BigEndian.Uint32(b[4:8]) {
			return denied
		}
		return nil
	})
	return site, err
}

// A token is site, epoch and expiry, four bytes each, and sixteen bytes of HMAC.
// It needs no table, so that any number of central nodes can check it.
const tokenSize = 28

func makeToken(secret []byte, site atoll.SiteID, epoch uint32, expires time.Time) string {
	b := make([]byte, 12, tokenSize)
	binary.BigEndian.PutUint32(b[0:4], uint32(site))
	binary.BigEndian.PutUint32(b[4:8], epoch)
	binary.BigEndian.PutUint32(b[8:12], uint32(expires.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, sign(secret, b)...))
}

func sign(secret, b []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write(b)
	return m.Sum(nil)[:16]
}

func tokenSecret(r storage.Reader) ([]byte, error) {
	b, err := r.Get(shelfCentre, "token secret")
	if errors.Is(err, atoll.NotFound) {
		return nil, atoll.Errorf(atoll.Internal, "the centre has no token secret").Do("start it with: atoll serve")
	}
	return b, err
}
