package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

// Pin names one server's key: the SHA-256 of the public key in its certificate
// (SubjectPublicKeyInfo, DER). It survives a new certificate for the same key.
// The zero Pin pins nothing.
type Pin [sha256.Size]byte

// IsZero reports whether nothing is pinned.
func (p Pin) IsZero() bool { return p == Pin{} }

// String returns 64 lower-case hexadecimal digits, "" for the zero Pin: of the
// forms in use the one that mail programs and chat leave alone.
func (p Pin) String() string {
	if p.IsZero() {
		return ""
	}
	return hex.EncodeToString(p[:])
}

// MarshalText writes the text form.
func (p Pin) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what ParsePin does.
func (p *Pin) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePin(string(b))
	return err
}

// ParsePin reads a pin: hexadecimal digits, with or without colons, or base64 in
// either alphabet, each with or without "sha256:" or "sha256//" before it. Nothing
// is the zero Pin. It fails with [atoll.Invalid].
func ParsePin(s string) (Pin, error) {
	var p Pin
	text := strings.TrimSpace(s)
	for _, prefix := range []string{"sha256//", "sha256/", "sha256:"} {
		text = strings.TrimPrefix(text, prefix)
	}
	if text == "" {
		return p, nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		b, err = base64.RawStdEncoding.Strict().DecodeString(text)
	}
	if err != nil || len(b) != len(p) {
		return p, atoll.Errorf(atoll.Invalid, "the fingerprint %.80q is not a SHA-256: want 64 hexadecimal digits", s).
			Do("copy it whole, as the central server shows it")
	}
	copy(p[:], b)
	return p, nil
}

// Fingerprint returns the pin of a certificate.
func Fingerprint(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// FingerprintPEM returns the pin of the first certificate in a PEM file. It fails
// with [atoll.Invalid].
func FingerprintPEM(b []byte) (Pin, error) {
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Pin{}, atoll.Errorf(atoll.Invalid, "the certificate cannot be read: %w", err)
		}
		return Fingerprint(cert), nil
	}
	return Pin{}, atoll.Errorf(atoll.Invalid, "there is no certificate in the file")
}

// selfSignedFor is how long a certificate of SelfSigned is valid: who pins a key
// does not look at dates, and a certificate that ends while nobody thinks of it
// would cut off a country.
const selfSignedFor = 20 * 365 * 24 * time.Hour

// SelfSigned makes a key and a certificate that it signs itself, both PEM, for a
// centre without a certificate from an authority. Names are host names and IP
// addresses, at least one. Sites accept it only when its [Fingerprint] was given
// to them on purpose (R-A-02).
func SelfSigned(names []string, now time.Time) (certPEM, keyPEM []byte, err error) {
	if len(names) == 0 {
		return nil, nil, atoll.Errorf(atoll.Invalid, "a certificate needs a name")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, atoll.Errorf(atoll.Internal, "make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, atoll.Errorf(atoll.Internal, "make a serial number: %w", err)
	}
	cert := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: names[0], Organization: []string{"Atoll"}},
		// Sites' clocks are wrong by days; see R-A-20.
		NotBefore:             now.Add(-30 * 24 * time.Hour),
		NotAfter:              now.Add(selfSignedFor),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, nil, atoll.Errorf(atoll.Invalid, "make a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, atoll.Errorf(atoll.Internal, "encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// ErrPin is in the chain of the error for a server with another key than the one
// pinned.
var ErrPin = errors.New("the server's key is not the pinned one")

// clientTLS trusts the pinned key and no other, or without a pin the roots.
func clientTLS(pin Pin, roots *x509.CertPool) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    roots,
		// A resumed session saves the certificate, 1 kB and a round trip.
		ClientSessionCache: tls.NewLRUClientSessionCache(2),
	}
	if !pin.IsZero() {
		// VerifyConnection replaces the check that is skipped, also when a session is
		// resumed. The pin says which key; the name in the certificate adds nothing.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || Fingerprint(s.PeerCertificates[0]) != pin {
				return ErrPin
			}
			return nil
		}
	}
	return c
}
