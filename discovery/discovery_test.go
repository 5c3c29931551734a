package discovery_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/mdns"
	"github.com/miekg/dns"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/discovery"
)

var system = atoll.DeriveID("system")

func server(name string, site atoll.SiteID) discovery.Announcement {
	return discovery.Announcement{
		Server:    discovery.Server{Name: name, Role: discovery.Site, Site: site, System: system, App: "1.0"},
		Addresses: []net.IP{net.IPv4(192, 0, 2, byte(site))}, Port: 8640, Encrypted: true,
	}
}

// loopback is a Network of datagrams on this machine: a socket for each server
// that is announced, and one from which to ask.
type loopback struct {
	t       *testing.T
	servers []*net.UDPAddr
}

func (l *loopback) socket() *net.UDPConn {
	l.t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (l *loopback) Announce(ctx context.Context, zone mdns.Zone) error {
	c := l.socket()
	l.servers = append(l.servers, c.LocalAddr().(*net.UDPAddr))
	go func() {
		buf := make([]byte, 9000)
		for {
			n, from, err := c.ReadFromUDP(buf)
			if err != nil || ctx.Err() != nil {
				return
			}
			var q dns.Msg
			if err := q.Unpack(buf[:n]); err != nil {
				continue
			}
			answer := &dns.Msg{MsgHdr: dns.MsgHdr{Id: q.Id, Response: true}, Answer: zone.Records(q.Question[0])}
			if b, err := answer.Pack(); err == nil {
				_, _ = c.WriteToUDP(b, from)
			}
		}
	}()
	return nil
}

func (l *loopback) Ask(ctx context.Context, service string, wait time.Duration, found func(*mdns.ServiceEntry)) error {
	c := l.socket()
	q := new(dns.Msg).SetQuestion(service+".local.", dns.TypePTR)
	b, err := q.Pack()
	if err != nil {
		return err
	}
	for _, s := range l.servers {
		for range 2 { // asked twice, as on a network that repeats
			if _, err := c.WriteToUDP(b, s); err != nil {
				return err
			}
		}
	}
	buf := make([]byte, 9000)
	for range 2 * len(l.servers) {
		_ = c.SetReadDeadline(time.Now().Add(wait))
		n, _, err := c.ReadFromUDP(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			return nil //nolint:nilerr // the wait is over: whoever has not answered will not
		}
		var m dns.Msg
		if err != nil || m.Unpack(buf[:n]) != nil {
			return err
		}
		found(entry(m.Answer))
	}
	return nil
}

// entry gathers the records of one server.
func entry(records []dns.RR) *mdns.ServiceEntry {
	e := &mdns.ServiceEntry{}
	for _, r := range records {
		switch r := r.(type) {
		case *dns.PTR:
			e.Name = r.Ptr
		case *dns.SRV:
			e.Host, e.Port = r.Target, int(r.Port)
		case *dns.TXT:
			e.InfoFields = r.Txt
		case *dns.A:
			e.AddrV4 = r.A
		case *dns.AAAA:
			e.AddrV6IPAddr = &net.IPAddr{IP: r.AAAA}
		}
	}
	return e
}

// TestR_L_10_ServersAreFound: servers on one network are found by name, address and
// what they are, each once, whatever letters their names have.
func TestR_L_10_ServersAreFound(t *testing.T) {
	ctx := t.Context()
	n := &loopback{t: t}
	centre := server("Ministère de la santé", 1)
	centre.Role, centre.Encrypted = discovery.Centre, false
	fresh := server(`tablet 7 . "upstairs" \065 = \`, 0)
	fresh.System, fresh.Addresses = "", []net.IP{net.ParseIP("2001:db8::7")}
	for _, a := range []discovery.Announcement{server("North", 2), centre, fresh, server(strings.Repeat("é", 300), 3)} {
		if err := discovery.Announce(ctx, n, a); err != nil {
			t.Fatal(err)
		}
	}
	got, err := discovery.Find(ctx, n, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	want := []discovery.Server{
		{Name: "North", Role: discovery.Site, Site: 2, System: system, App: "1.0", URL: "https://192.0.2.2:8640"},
		{Name: `tablet 7 . "upstairs" \065 = \`, Role: discovery.Site, App: "1.0", URL: "https://[2001:db8::7]:8640"},
		{Name: strings.Repeat("é", 100), Role: discovery.Site, Site: 3, System: system, App: "1.0", URL: "https://192.0.2.3:8640"},
		{Name: "Ministère de la santé", Role: discovery.Centre, Site: 1, System: system, App: "1.0", URL: "http://192.0.2.1:8640"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("found (-want +got):\n%s", d)
	}
}

// TestR_L_10_StrangersAnswers: answers come from anybody on the network. What makes
// no sense is left out, and what is shown cannot steer a terminal.
func TestR_L_10_StrangersAnswers(t *testing.T) {
	good := func() *mdns.ServiceEntry {
		return &mdns.ServiceEntry{
			Name: "x._atoll._tcp.local.", Port: 8640, AddrV4: net.IPv4(192, 0, 2, 1),
			InfoFields: []string{"v=1", "role=site", "name=North", "site=2", "scheme=https", "colour=blue"},
		}
	}
	if s, ok := discovery.Parse(good()); !ok || s.Name != "North" || s.URL != "https://192.0.2.1:8640" {
		t.Fatalf("the good one: %+v, %v", s, ok)
	}
	for name, spoil := range map[string]func(*mdns.ServiceEntry){
		"another service": func(e *mdns.ServiceEntry) { e.Name = "x._http._tcp.local." },
		"no port":         func(e *mdns.ServiceEntry) { e.Port = 0 },
		"no address":      func(e *mdns.ServiceEntry) { e.AddrV4 = nil },
		"only an address of the link": func(e *mdns.ServiceEntry) {
			e.AddrV4, e.AddrV6IPAddr = nil, &net.IPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}
		},
		"no text":          func(e *mdns.ServiceEntry) { e.InfoFields = nil },
		"too much text":    func(e *mdns.ServiceEntry) { e.InfoFields = append(e.InfoFields, make([]string, 40)...) },
		"an unknown role":  func(e *mdns.ServiceEntry) { e.InfoFields[1] = "role=emperor" },
		"no number":        func(e *mdns.ServiceEntry) { e.InfoFields[3] = "site=-2" },
		"a scheme to run":  func(e *mdns.ServiceEntry) { e.InfoFields[4] = "scheme=javascript" },
		"nothing that is":  func(e *mdns.ServiceEntry) { *e = mdns.ServiceEntry{} },
		"a port too large": func(e *mdns.ServiceEntry) { e.Port = 70000 },
	} {
		e := good()
		spoil(e)
		if s, ok := discovery.Parse(e); ok {
			t.Errorf("%s: taken for %+v", name, s)
		}
	}
	e := good()
	e.InfoFields[2] = "name=\x1b[2J\x07North\nEast\xff" + strings.Repeat("ü", 200)
	if s, ok := discovery.Parse(e); !ok || strings.ContainsAny(s.Name, "\x1b\x07\n") || !utf8.ValidString(s.Name) || len(s.Name) > 200 {
		t.Errorf("shown as %q", s.Name)
	}
}

// TestR_L_10_LoopbackIsNotAnnounced: a server for this machine only has no address
// that others could use.
func TestR_L_10_LoopbackIsNotAnnounced(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:8640", "[::1]:8640", "127.0.0.2:1"} {
		if ips, _, err := discovery.Reachable(listen); err != nil || len(ips) > 0 {
			t.Errorf("%s: %v, %v", listen, ips, err)
		}
	}
	if ips, port, err := discovery.Reachable("192.0.2.9:8641"); err != nil || port != 8641 || len(ips) != 1 || ips[0].String() != "192.0.2.9" {
		t.Errorf("192.0.2.9: %v, %d, %v", ips, port, err)
	}
	ips, _, err := discovery.Reachable("0.0.0.0:8641")
	for _, ip := range ips {
		if ip.IsLoopback() {
			t.Errorf("0.0.0.0 is reached at %s", ip)
		}
	}
	if err != nil {
		t.Error(err)
	}
	a := server("North", 2)
	a.Addresses = nil
	if err := discovery.Announce(t.Context(), &loopback{t: t}, a); atoll.CodeOf(err) != atoll.Invalid {
		t.Errorf("without an address: %v", err)
	}
}
