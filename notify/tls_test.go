package notify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/notify"
)

// certificate is one for this machine that nobody trusts yet, and the authority that
// makes it trusted.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-time.Hour)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example"}, NotBefore: from, NotAfter: from.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// Letters go out over a line that is encrypted at once, or after STARTTLS. A mail server
// whose certificate nobody trusts is refused in words, and gets neither password nor
// letter; one that was not trusted gets the letter when it is.
func TestMailOverTLS(t *testing.T) {
	for _, security := range []notify.Security{notify.TLS, notify.StartTLS} {
		t.Run(string(security), func(t *testing.T) {
			p := newPost(t)
			cert, roots := certificate(t)
			p.mail.Encrypt(cert, security == notify.TLS)
			p.mail.Want("atoll", password)
			p.set(func(s *notify.Settings) { s.Security, s.User, s.Password = security, "atoll", password })
			err := p.Test(t.Context())
			var no *atoll.Error
			if !errors.As(err, &no) || no.Code != atoll.Unavailable || !strings.Contains(no.Message, "certificate") || !strings.Contains(no.Hint, "authority") {
				t.Errorf("a certificate that nobody trusts: %v", err)
			}
			p.letters(0)
			p.Roots = roots
			if err := p.Test(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.letters(1)
			for _, line := range p.mail.InTheClear() {
				if line != "STARTTLS" && !strings.HasPrefix(line, "EHLO ") {
					t.Errorf("%q was said in the clear", line)
				}
			}
		})
	}
}

// A password does not leave the machine in the clear: neither to a mail server that is
// said to need no protection, nor to one that takes back its STARTTLS.
func TestMailPasswordIsNotSentInTheClear(t *testing.T) {
	for name, c := range map[string]struct {
		security notify.Security
		code     atoll.Code
		says     string
	}{
		"none":             {notify.Plain, atoll.Denied, "in the clear"},
		"starttls is gone": {notify.StartTLS, atoll.Unavailable, "does not encrypt"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			p.mail.Want("atoll", password)
			_, port, err := net.SplitHostPort(p.mail.Address)
			if err != nil {
				t.Fatal(err)
			}
			p.set(func(s *notify.Settings) {
				s.Server = "LOCALHOST:" + port // a name like any other on the network
				s.Security, s.User, s.Password = c.security, "atoll", password
			})
			err = p.Test(t.Context())
			if no := (*atoll.Error)(nil); !errors.As(err, &no) || no.Code != c.code || !strings.Contains(no.Message, c.says) || no.Hint == "" {
				t.Errorf("it was refused with %v", err)
			}
			p.letters(0)
			for _, line := range p.mail.InTheClear() {
				if strings.HasPrefix(line, "AUTH") {
					t.Errorf("%q was said in the clear", line)
				}
			}
		})
	}
}
