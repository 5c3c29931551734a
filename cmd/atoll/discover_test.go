package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/mdns"

	"github.com/atollsync/atoll"
)

// answers is a network on which these answers are heard.
type answers []*mdns.ServiceEntry

func (answers) Announce(context.Context, mdns.Zone) error { return nil }

func (a answers) Ask(_ context.Context, _ string, _ time.Duration, found func(*mdns.ServiceEntry)) error {
	for _, e := range a {
		found(e)
	}
	return nil
}

// TestR_L_10_Discover: the command lists servers with name, address and what they
// are, for people and for programs.
func TestR_L_10_Discover(t *testing.T) {
	heard := answers{
		{
			Name: "a._atoll._tcp.local.", Port: 8640, AddrV4: net.IPv4(192, 0, 2, 1),
			InfoFields: []string{"role=site", "name=North clinic", "site=2", "scheme=https", "app=1.0"},
		},
		{
			Name: "b._atoll._tcp.local.", Port: 80, AddrV4: net.IPv4(192, 0, 2, 5),
			InfoFields: []string{"role=central", "name=Ministry", "site=1", "scheme=http"},
		},
		{Name: "printer._ipp._tcp.local.", Port: 631, AddrV4: net.IPv4(192, 0, 2, 9)},
	}
	var out bytes.Buffer
	s := &session{ctx: t.Context(), globals: &Globals{}, out: &out}
	if err := (discoverCmd{Wait: time.Second}).find(s, heard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"North clinic", "https://192.0.2.1:8640", "site 2", "Ministry", "http://192.0.2.5:80", "central server"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "192.0.2.9") {
		t.Errorf("a printer is listed:\n%s", out.String())
	}
	for heard, want := range map[*answers]int{&heard: 2, {}: 0} {
		out.Reset()
		s.globals.JSON = true
		if err := (discoverCmd{Wait: time.Second}).find(s, *heard); err != nil {
			t.Fatal(err)
		}
		var list []map[string]any
		if err := json.Unmarshal(out.Bytes(), &list); err != nil || len(list) != want || list == nil {
			t.Errorf("--json: %v, %d servers, want %d: %s", err, len(list), want, out.String())
		}
	}
	if err := (discoverCmd{}).find(s, heard); atoll.CodeOf(err) != atoll.Invalid {
		t.Errorf("waiting for nothing: %v", err)
	}
}
