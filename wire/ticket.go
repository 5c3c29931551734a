package wire

import (
	"net"
	"net/url"
	"strings"
	"unicode"

	"github.com/atollsync/atoll"
)

// Ticket is all that a new site needs to enrol, in one line that can be mailed,
// read out or printed. Whoever enters a ticket with a Pin opts in to a
// self-signed certificate (R-A-02).
type Ticket struct {
	URL  string // of the centre: scheme, host and port, perhaps a path
	Code string // the one-time code: letters, digits and hyphens
	Pin  Pin    // of the centre's key; zero when an authority vouches for it
}

// String returns "atoll:URL#CODE.PIN", without ".PIN" when nothing is pinned.
func (t Ticket) String() string {
	s := "atoll:" + t.URL + "#" + t.Code
	if !t.Pin.IsZero() {
		s += "." + t.Pin.String()
	}
	return s
}

// ParseTicket reads a ticket as people send it: line breaks and spaces inside,
// quotes, angle brackets or a full stop around it do not matter. It fails with
// [atoll.Invalid].
func ParseTicket(s string) (Ticket, error) {
	var t Ticket
	if len(s) > 2000 {
		return t, badTicket("it is too long")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return -1 // line breaks of mail programs, invisible characters of chat programs
		}
		return r
	}, s)
	s = strings.Trim(s, "<>\"'`“”‘’«».,;()[]")
	rest, ok := strings.CutPrefix(s, "atoll:")
	if !ok {
		return t, badTicket("it does not begin with atoll:")
	}
	address, secret, ok := strings.Cut(rest, "#")
	if !ok {
		return t, badTicket("the code is missing")
	}
	u, err := ParseURL(address)
	if err != nil {
		return t, err
	}
	code, pin, pinned := strings.Cut(secret, ".")
	if len(code) < 4 || len(code) > 64 || strings.ContainsFunc(code, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return t, badTicket("the code is not one")
	}
	t.URL, t.Code = u.String(), code
	if pinned {
		if t.Pin, err = ParsePin(pin); err != nil {
			return Ticket{}, err
		}
		if t.Pin.IsZero() {
			return Ticket{}, badTicket("the fingerprint at its end is missing")
		}
	}
	return t, nil
}

func badTicket(why string) *atoll.Error {
	return atoll.Errorf(atoll.Invalid, "this is not an enrolment ticket: %s", why).
		Do("copy it whole from the centre's message; it looks like atoll:https://…#CODE")
}

// ParseURL reads the address of a centre: http or https, a host, perhaps a port
// and a path; no user, query or fragment. A slash at its end is dropped. It fails
// with [atoll.Invalid].
func ParseURL(s string) (*url.URL, error) {
	bad := func(why string) error {
		return atoll.Errorf(atoll.Invalid, "the address %.100q is not a centre's: %s", s, why).
			Do("an address looks like https://sync.example.org")
	}
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil:
		return nil, bad("it cannot be read")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, bad("it must begin with https://")
	case u.Hostname() == "":
		return nil, bad("the host is missing")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return nil, bad("it has more than host, port and path")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u, nil
}

// loopback reports whether the host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
