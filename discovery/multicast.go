package discovery

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/mdns"

	"github.com/atollsync/atoll"
)

// Multicast is the network itself: multicast DNS on port 5353 of the machine's
// default multicast interface.
type Multicast struct {
	Log *slog.Logger
}

// Announce implements [Network].
func (m Multicast) Announce(ctx context.Context, zone mdns.Zone) error {
	server, err := mdns.NewServer(&mdns.Config{Zone: zone, Logger: slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug)})
	if err != nil {
		return atoll.Errorf(atoll.Unavailable, "this server cannot be announced on the local network: %w", err).
			Do("clients reach it by its address; --no-announce ends this message")
	}
	<-ctx.Done()
	return server.Shutdown()
}

// Ask implements [Network].
func (m Multicast) Ask(ctx context.Context, service string, wait time.Duration, found func(*mdns.ServiceEntry)) error {
	entries := make(chan *mdns.ServiceEntry, maxServers)
	var reader sync.WaitGroup
	reader.Go(func() {
		for e := range entries {
			found(e)
		}
	})
	param := mdns.QueryParam{
		Service: service, Domain: "local", Timeout: wait, Entries: entries, Logger: slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug),
	}
	err := mdns.QueryContext(ctx, &param)
	if err != nil && ctx.Err() == nil {
		// Where one of the two protocols goes nowhere the whole question fails, though the
		// other would do: IPv6 is often there without a way out.
		param.DisableIPv6 = true
		err = mdns.QueryContext(ctx, &param)
	}
	close(entries)
	reader.Wait()
	if err != nil {
		return atoll.Errorf(atoll.Unavailable, "the local network cannot be searched: %w", err).Do("is this machine on a network?")
	}
	return nil
}

// Reachable returns the addresses at which others on the local network reach a
// server that listens on the address: none for one that listens on this machine
// only.
func Reachable(listen string) ([]net.IP, int, error) {
	addr, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return nil, 0, err
	}
	if len(addr.IP) > 0 && !addr.IP.IsUnspecified() {
		if addr.IP.IsLoopback() {
			return nil, addr.Port, nil
		}
		return []net.IP{addr.IP}, addr.Port, nil
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil, 0, err
	}
	var out []net.IP
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			out = append(out, n.IP)
		}
	}
	return out, addr.Port, nil
}
