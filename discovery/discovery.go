// Package discovery lets clients on a local network find the server of their site
// without anybody typing an address, and without the internet (R-L-10): DNS-SD over
// multicast DNS, service type _atoll._tcp.
//
// What is found is a hint and no proof: anybody on the network may announce
// anything. A client still checks the server's certificate and signs in.
package discovery

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/mdns"

	"github.com/atollsync/atoll"
)

// ServiceType is what servers announce themselves as.
const ServiceType = "_atoll._tcp"

const (
	domain     = "local."
	maxServers = 256 // found in one search; more are somebody's mischief
	maxText    = 200 // bytes of one value; a string of a TXT record has 255 at most
)

// Role is what a server is.
type Role string

// The roles.
const (
	Centre Role = "central"
	Site   Role = "site"
)

// Server is one server on the local network, as it tells of itself.
type Server struct {
	Name   string       `json:"name"`
	Role   Role         `json:"role"`
	Site   atoll.SiteID `json:"site,omitempty"`   // 0 for a site that is not enrolled yet
	System atoll.ID     `json:"system,omitempty"` // of the whole system; empty before enrolment
	App    string       `json:"app,omitempty"`    // program version
	URL    string       `json:"url"`
}

// Announcement is a server with what others need to reach it.
type Announcement struct {
	Server
	Addresses []net.IP
	Port      int
	Encrypted bool
}

// Network carries questions and answers. Multicast is the real one.
type Network interface {
	// Announce answers questions about the zone until ctx ends.
	Announce(ctx context.Context, zone mdns.Zone) error
	// Ask asks who offers the service and gives each answer to found, until the
	// wait is over or ctx ends.
	Ask(ctx context.Context, service string, wait time.Duration, found func(*mdns.ServiceEntry)) error
}

// Zone returns the records with which the server answers questions. They hold no
// secret: whoever is on the network reads them.
func (a Announcement) Zone() (mdns.Zone, error) {
	if len(a.Addresses) == 0 {
		return nil, atoll.Errorf(atoll.Invalid, "a server without an address cannot be announced")
	}
	// The label is for programs, the name for people: it may hold any letters.
	label := "atoll-" + strings.ReplaceAll(string(cmp.Or(a.System, atoll.DeriveID(a.Name, a.Addresses[0].String()))), "-", "")[:16] +
		"-" + a.Site.String()
	txt := []string{"v=1", "role=" + string(a.Role), "name=" + short(a.Name), "site=" + a.Site.String(), "scheme=http"}
	if a.Encrypted {
		txt[4] = "scheme=https"
	}
	if a.System != "" {
		txt = append(txt, "system="+string(a.System))
	}
	if a.App != "" {
		txt = append(txt, "app="+short(a.App))
	}
	for i, s := range txt {
		txt[i] = strings.ReplaceAll(s, `\`, `\\`) // the DNS library reads and writes texts as zone files have them
	}
	// The host name is ours too, so that two servers on one machine stay apart.
	return mdns.NewMDNSService(label, ServiceType, domain, label+"."+domain, a.Port, a.Addresses, txt)
}

// Announce answers for the server until ctx ends.
func Announce(ctx context.Context, n Network, a Announcement) error {
	zone, err := a.Zone()
	if err != nil {
		return err
	}
	return n.Announce(ctx, zone)
}

// Find returns the servers that answer within the wait, by role, name and
// address, each once. Answers that make no sense are left out.
func Find(ctx context.Context, n Network, wait time.Duration) ([]Server, error) {
	var out []Server
	err := n.Ask(ctx, ServiceType, wait, func(e *mdns.ServiceEntry) {
		if s, ok := Parse(e); ok && len(out) < maxServers && !slices.Contains(out, s) {
			out = append(out, s)
		}
	})
	slices.SortFunc(out, func(a, b Server) int {
		return cmp.Or(cmp.Compare(b.Role, a.Role), cmp.Compare(a.Name, b.Name), cmp.Compare(a.URL, b.URL))
	})
	return out, err
}

// Parse reads an answer. It reports false for what is no server of ours: another
// service, a port or role that cannot be, no address.
func Parse(e *mdns.ServiceEntry) (Server, bool) {
	if e == nil || !strings.HasSuffix(e.Name, "."+ServiceType+"."+domain) || e.Port < 1 || e.Port > 65535 || len(e.InfoFields) > 32 {
		return Server{}, false
	}
	txt := map[string]string{}
	for _, f := range e.InfoFields {
		key, value, _ := strings.Cut(plain(f), "=")
		if _, twice := txt[key]; !twice {
			txt[key] = value
		}
	}
	s := Server{Name: readable(txt["name"]), Role: Role(txt["role"]), App: readable(txt["app"])}
	if id, err := atoll.ParseID(txt["system"]); err == nil {
		s.System = id
	}
	site, err := strconv.ParseInt(txt["site"], 10, 32)
	host := address(e)
	scheme := txt["scheme"]
	if err != nil || site < 0 || host == "" || s.Role != Centre && s.Role != Site || scheme != "http" && scheme != "https" {
		return Server{}, false
	}
	s.Site = atoll.SiteID(site)
	s.URL = scheme + "://" + net.JoinHostPort(host, strconv.Itoa(e.Port))
	return s, true
}

// address prefers IPv4: a link-local IPv6 address needs a zone, which addresses in
// browsers cannot carry.
func address(e *mdns.ServiceEntry) string {
	switch {
	case e.AddrV4 != nil:
		return e.AddrV4.String()
	case e.AddrV6IPAddr != nil && !e.AddrV6IPAddr.IP.IsLinkLocalUnicast():
		return e.AddrV6IPAddr.IP.String()
	}
	return ""
}

// plain undoes the escapes of zone files: \DDD is a byte, \X is X.
func plain(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		i++
		b.WriteByte(s[i])
	}
	return b.String()
}

// readable is text from a stranger, made fit to be shown in a terminal.
func readable(s string) string {
	return short(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}

// short cuts text to what one value may have, between letters.
func short(s string) string {
	for len(s) > maxText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
