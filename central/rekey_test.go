package central_test

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// TestR_H_46: a key that is to be replaced is accepted until the grace is over, the
// site is told, and a new key ends both.
func TestR_H_46_ReplacedKey(t *testing.T) {
	r := newRig(t)
	c := r.Centre.Centre
	sign := func(key ed25519.PrivateKey) error {
		t.Helper()
		nonce, err := c.Challenge(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		device := r.Sites[2].Site.Device
		_, err = c.SignIn(t.Context(), exchange.SignIn{
			Site: 2, Nonce: nonce, Device: device, Signature: ed25519.Sign(key, exchange.SignedText(c.System, 2, device, nonce)),
		})
		return err
	}
	enrol := func(code string, key ed25519.PrivateKey) error {
		_, err := c.Enrol(t.Context(), exchange.Enrolment{
			Code: code, Key: key.Public().(ed25519.PublicKey), Device: r.Sites[2].Site.Device, Protocol: exchange.Protocol,
		})
		return err
	}
	old, fresh := ed25519.NewKeyFromSeed(make([]byte, 32)), ed25519.NewKeyFromSeed(append(make([]byte, 31), 1))
	code, err := c.NewCode(t.Context(), "technician", 2)
	if err != nil || enrol(code, old) != nil || sign(old) != nil {
		t.Fatal("the site cannot sign in", err)
	}
	_, until, err := c.ReplaceKey(t.Context(), "technician", 2, 0)
	if err != nil || until.Sub(r.Clock.Now()).Round(time.Hour) != 7*24*time.Hour {
		t.Fatalf("the old key holds until %s, %v", until, err)
	}
	r.sync(2)
	if st, err := r.Sites[2].Site.Status(t.Context()); err != nil || !st.NewKey || st.Advice == "" || st.Light == "green" {
		t.Errorf("the site was not told: %+v, %v", st, err)
	}
	r.Clock.Wind(6 * 24 * time.Hour)
	if err := sign(old); err != nil {
		t.Errorf("within the grace: %v", err)
	}
	r.Clock.Wind(25 * time.Hour)
	if err := sign(old); !errors.Is(err, atoll.SignIn) {
		t.Errorf("after the grace: %v", err)
	}
	if code, _, err = c.ReplaceKey(t.Context(), "technician", 2, 0); err != nil {
		t.Fatal(err)
	}
	if err := enrol(code, old); !errors.Is(err, atoll.Invalid) {
		t.Errorf("the old key as the new one: %v", err)
	}
	if err := enrol(code, fresh); err != nil {
		t.Fatal(err)
	}
	if sign(old) == nil || sign(fresh) != nil {
		t.Error("after the change the old key opens, or the new one does not")
	}
	r.sync(2)
	if st, err := r.Sites[2].Site.Status(t.Context()); err != nil || st.NewKey {
		t.Errorf("the site still asks: %+v, %v", st, err)
	}
	for _, bad := range []time.Duration{time.Minute, 100 * 24 * time.Hour} {
		if _, _, err := c.ReplaceKey(t.Context(), "technician", 2, bad); !errors.Is(err, atoll.Invalid) {
			t.Errorf("a grace of %s: %v", bad, err)
		}
	}
}
