package host

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"slices"
	"strings"
)

// Device returns the identity of this machine (R-H-12): a digest of what the
// operating system says it is, the same at every start, another on another
// machine. ATOLL_DEVICE replaces it where the system cannot tell, as on Android
// (R-H-14).
func Device() string {
	if d := os.Getenv("ATOLL_DEVICE"); d != "" {
		return digest("given", d)
	}
	for _, name := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if b, err := os.ReadFile(name); err == nil && len(strings.TrimSpace(string(b))) > 0 {
			return digest("machine", strings.TrimSpace(string(b)))
		}
	}
	// Elsewhere the addresses of the network cards, which stay with the machine.
	var cards []string
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 && len(i.HardwareAddr) > 0 && i.HardwareAddr[0]&2 == 0 { // not made up by software
			cards = append(cards, i.HardwareAddr.String())
		}
	}
	slices.Sort(cards)
	host, _ := os.Hostname()
	return digest("cards", strings.Join(append(cards, host), " "))
}

func digest(parts ...string) string {
	h := sha256.Sum256([]byte("atoll device\n" + strings.Join(parts, "\n")))
	return hex.EncodeToString(h[:8])
}
