package host_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/mdns"
	"github.com/miekg/dns"

	"github.com/atollsync/atoll/discovery"
	"github.com/atollsync/atoll/host"
)

// air is a network that only remembers what is announced on it.
type air struct {
	zones chan mdns.Zone
	err   error
}

func (a air) Announce(ctx context.Context, z mdns.Zone) error {
	a.zones <- z
	if a.err != nil {
		return a.err
	}
	<-ctx.Done()
	return nil
}

func (air) Ask(context.Context, string, time.Duration, func(*mdns.ServiceEntry)) error { return nil }

// TestR_L_10_WhoIsAnnounced: a server that others can reach tells the local network
// where it really is and what it is; one for this machine only is never announced;
// and one that cannot be announced serves all the same.
func TestR_L_10_WhoIsAnnounced(t *testing.T) {
	for _, at := range []struct {
		name, listen string
		err          error
		told         bool
	}{
		{"this machine only", "127.0.0.1:0", nil, false},
		{"everybody", "0.0.0.0:0", nil, true},
		{"a network that cannot be told", "0.0.0.0:0", errors.New("no multicast here"), true},
	} {
		t.Run(at.name, func(t *testing.T) {
			if ips, _, err := discovery.Reachable(at.listen); at.told && (err != nil || len(ips) == 0) {
				t.Skip("this machine is on no network")
			}
			n := air{zones: make(chan mdns.Zone, 1), err: at.err}
			h, _, err := host.InitCentral(t.Context(), host.Config{
				Data: filepath.Join(t.TempDir(), "centre"), Listen: at.listen, Announce: n, Device: "test",
			}, "Centre", "admin", "a long password")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = h.Close() }()
			ctx, stop := context.WithCancel(t.Context())
			served := make(chan error, 1)
			ready := make(chan string, 1)
			go func() { served <- h.Serve(ctx, func(url string) { ready <- url }) }()
			var url string
			select {
			case url = <-ready:
			case err := <-served:
				t.Fatal(err)
			}
			if at.told {
				_, port, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"))
				if err != nil {
					t.Fatal(err)
				}
				told(t, <-n.zones, port)
			}
			stop()
			if err := <-served; err != nil {
				t.Errorf("serving ended with %v", err)
			}
			if !at.told && len(n.zones) > 0 {
				t.Error("a server for this machine only was announced")
			}
		})
	}
}

func told(t *testing.T, z mdns.Zone, port string) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range z.Records(dns.Question{Name: discovery.ServiceType + ".local.", Qtype: dns.TypePTR, Qclass: dns.ClassINET}) {
		switch r := r.(type) {
		case *dns.SRV:
			seen["port"] = strconv.Itoa(int(r.Port)) == port
		case *dns.TXT:
			for _, s := range r.Txt {
				seen[s] = true
			}
		case *dns.A:
			seen["address"] = !r.A.IsLoopback()
		case *dns.AAAA:
			seen["address"] = !r.AAAA.IsLoopback()
		}
	}
	for _, want := range []string{"port", "address", "role=central", "name=Centre", "site=1", "scheme=https"} {
		if !seen[want] {
			t.Errorf("not told, or told wrong: %s (told: %v)", want, seen)
		}
	}
}
