package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

// slowest is how long one letter may take.
const slowest = 2 * time.Minute

// errUnsure says that a letter was handed over and nothing was heard of it: the mail
// server may have it.
var errUnsure = atoll.Errorf(atoll.Interrupted, "the mail server did not say whether it took the letter").
	Do("it is not sent again; look whether it arrived")

// message is what a letter says.
type message struct {
	ID            atoll.ID
	At            time.Time
	Subject, Body string
}

// deliver gives the mail server one letter. Handing is called right before the letter
// is: until then the server certainly has nothing.
func (o *Office) deliver(ctx context.Context, s Settings, m message, handing func() error) error {
	c, err := o.reach(ctx, s)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Mail(bare(s.From)); err != nil {
		return refused("the mail server takes nothing from "+bare(s.From), err)
	}
	var no error
	taken := 0
	for _, to := range s.To {
		if err := c.Rcpt(bare(to)); err != nil {
			no = refused("the mail server takes nothing for "+bare(to), err)
			o.Log.WarnContext(ctx, "a letter does not reach everybody", "to", bare(to), "err", err)
			continue
		}
		taken++
	}
	if taken == 0 {
		return no
	}
	w, err := c.Data()
	if err != nil {
		return refused("the mail server does not take the letter", err)
	}
	if err := handing(); err != nil {
		return err
	}
	if _, err := w.Write(m.encode(s)); err != nil {
		return refused("the letter broke off", err) // its end was not said: the server drops it
	}
	if err := w.Close(); err != nil {
		if said := (*textproto.Error)(nil); errors.As(err, &said) {
			return refused("the mail server does not take the letter", err)
		}
		return errUnsure
	}
	_ = c.Quit() // it has the letter
	return nil
}

// reach connects to the mail server and signs in.
func (o *Office) reach(ctx context.Context, s Settings) (*smtp.Client, error) {
	host, _, err := net.SplitHostPort(s.Server)
	if err != nil {
		return nil, invalid("server", "the mail server is not HOST:PORT")
	}
	ctx, cancel := context.WithTimeout(ctx, slowest)
	defer cancel()
	until, _ := ctx.Deadline()
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", s.Server)
	if err != nil {
		return nil, unreached(s, err)
	}
	if err := conn.SetDeadline(until); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	config := &tls.Config{ServerName: host, RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	if s.Security == TLS {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return nil, errors.Join(unencrypted(s, err), conn.Close())
	}
	if err := o.greet(c, s, host, config); err != nil {
		_ = c.Close() // it may be closed already
		return nil, err
	}
	return c, nil
}

func (o *Office) greet(c *smtp.Client, s Settings, host string, config *tls.Config) error {
	if s.Security == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return atoll.Errorf(atoll.Unavailable, "the mail server %s does not encrypt", s.Server).
				Do("choose tls, or none if it is on this machine or this network")
		}
		if err := c.StartTLS(config); err != nil {
			return unencrypted(s, err)
		}
	}
	if s.User == "" {
		return nil
	}
	ok, ways := c.Extension("AUTH")
	if !ok {
		return atoll.Errorf(atoll.Unavailable, "the mail server %s asks for no name", s.Server).Do("leave out user and password")
	}
	auth := smtp.PlainAuth("", s.User, s.Password, host)
	open := s.Security == Plain && !here(host) // others on the line would read the password
	switch {
	case strings.Contains(ways, "CRAM-MD5") && (open || !strings.Contains(ways, "PLAIN")):
		auth = smtp.CRAMMD5Auth(s.User, s.Password)
	case open:
		return atoll.Errorf(atoll.Denied, "the password is not sent to %s in the clear", s.Server).On("security").
			Do("choose starttls or tls, or leave out user and password")
	}
	if err := c.Auth(auth); err != nil {
		return atoll.Errorf(atoll.Denied, "the mail server %s does not accept user %s: %s", s.Server, s.User, plain(err)).
			Do("look at user, password and protection")
	}
	return nil
}

// here tells whether the mail server is on this machine.
func here(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func unreached(s Settings, err error) *atoll.Error {
	return atoll.Errorf(atoll.Unavailable, "the mail server %s is not reached: %s", s.Server, plain(err)).
		Do("look at its name, its port and its protection (587 starttls, 465 tls), and whether the line is up")
}

// unencrypted says why the line to the mail server was not taken: above all a
// certificate that nobody here trusts, which a better line does not mend.
func unencrypted(s Settings, err error) *atoll.Error {
	var certificate *tls.CertificateVerificationError
	if !errors.As(err, &certificate) {
		return unreached(s, err)
	}
	return atoll.Errorf(atoll.Unavailable, "the certificate of the mail server %s is not trusted: %s", s.Server, plain(certificate.Err)).
		Do("write its name as the certificate has it, or have the authority that signed it added to those of this machine")
}

func refused(what string, err error) *atoll.Error {
	return atoll.Errorf(atoll.Unavailable, "%s: %s", what, plain(err)).Do("ask who runs the mail server")
}

// plain is what went wrong in one line.
func plain(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	return s[:min(len(s), 300)]
}

// bare is the address without a name.
func bare(address string) string {
	a, err := mail.ParseAddress(address)
	if err != nil {
		return ""
	}
	return a.Address
}

// encode is the letter as it travels. Its id is the same however often it is tried.
func (m message) encode(s Settings) []byte {
	from, _ := mail.ParseAddress(s.From) // checked before
	var to []string
	for _, one := range s.To {
		if a, err := mail.ParseAddress(one); err == nil {
			to = append(to, a.String())
		}
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", from.String()},
		{"To", strings.Join(to, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", oneLine(m.Subject))},
		{"Date", m.At.UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + string(m.ID) + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(m.Body)) // into memory
	_ = w.Close()
	b.WriteString("\r\n")
	return b.Bytes()
}

// oneLine keeps a name from ending the header that it stands in.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
