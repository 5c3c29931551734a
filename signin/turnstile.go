package signin

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many sign-ins one address may try: a few at once, then one each six
// seconds. The station itself locks a user after five wrong passwords; this
// bounds what one address costs, whichever names it tries.
const (
	burst = 10
	every = 6 * time.Second
	most  = 4096 // addresses remembered
)

// turnstile lets each address through so often.
type turnstile struct {
	mu    sync.Mutex
	known map[string]*rate.Limiter
	rest  *rate.Limiter // shared by those for whom there is no room
}

func newTurnstile() *turnstile {
	return &turnstile{known: map[string]*rate.Limiter{}, rest: newLimiter()}
}

func newLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(every), burst) }

// pass reports whether the address may try now.
func (t *turnstile) pass(address string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.known[address]
	if !ok {
		if len(t.known) >= most {
			for a, old := range t.known {
				if old.TokensAt(now) >= burst { // it has been quiet; forgetting it changes nothing
					delete(t.known, a)
				}
			}
		}
		if len(t.known) >= most {
			return t.rest.AllowN(now, 1)
		}
		l = newLimiter()
		t.known[address] = l
	}
	return l.AllowN(now, 1)
}

// Address returns the address of the connection. Addresses of one IPv6
// network count as one: whoever has one has them all.
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap()
	if ip.Is6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return ip.String()
}
