package host_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

// TestR_I_29_CheckOfTheConnection: before anything is exchanged one command tells
// whether the settings can be read, the centre is reached, the versions fit, the
// site's key and machine are accepted and the clocks agree; what does not hold comes
// with what to do. (R-H-47.)
func TestR_I_29_CheckOfTheConnection(t *testing.T) {
	p := newPair(t)
	check := func(wrong string) host.Connection {
		t.Helper()
		c, err := p.site.CheckConnection(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		if c.OK != (wrong == "") {
			t.Errorf("%+v", c)
		}
		for _, f := range c.Findings {
			if f.OK == (f.What == wrong) || f.Words == "" || !f.OK && f.Hint == "" {
				t.Errorf("wanted %q wrong, found %+v", wrong, f)
			}
		}
		return c
	}
	if c := check(""); len(c.Findings) != 5 {
		t.Errorf("it looks at %+v", c.Findings)
	}
	now := p.site.Now
	p.site.Now = func() time.Time { return now().Add(10 * time.Minute) }
	check("clock")
	p.site.Now = now
	answers := p.served
	p.served = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gateway", http.StatusBadGateway) })
	check("reachable")
	p.served = answers
	if err := p.centre.Centre.ResetDevice(t.Context(), "technician", p.site.Station.Identity.Site); err != nil {
		t.Fatal(err)
	}
	check("credentials")
	if c, err := p.centre.CheckConnection(t.Context(), "", ""); err != nil || !c.OK || len(c.Findings) != 4 {
		t.Errorf("at the centre: %+v %v", c, err)
	}
	if _, err := host.Open(t.Context(), host.Config{Data: t.TempDir()}); atoll.CodeOf(err) != atoll.NotFound {
		t.Errorf("without an installation: %v", err)
	}
}
