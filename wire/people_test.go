package wire

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// fakePeople remembers who asked.
type fakePeople struct {
	sites []atoll.SiteID
	asks  []exchange.LookUp
	err   error
}

func (f *fakePeople) LookUp(_ context.Context, site atoll.SiteID, ask exchange.LookUp) (exchange.LookedUp, error) {
	f.sites, f.asks = append(f.sites, site), append(f.asks, ask)
	return exchange.LookedUp{Token: "again", Answer: json.RawMessage(`{"found":[]}`)}, f.err
}

// A question about patients goes over the site's own connection, with the asker's
// credentials in it: neither does without the other, and an expired token of the
// site is renewed without asking twice.
//
// R-G-20, R-G-23, R-K-27.
func TestR_G_23_R_K_27_PeopleAreAskedAbout(t *testing.T) {
	people := &fakePeople{}
	r := newRig(t, func(o *Options, _ *ClientOptions) { o.People = people })
	ask := exchange.LookUp{User: "clerk", Password: "secret", Reason: "at the counter", What: exchange.FindPatients, Ask: json.RawMessage(`{"last_name":"Wanjiru"}`)}
	got, err := r.client.LookUp(t.Context(), 99, ask)
	must(t, err)
	if got.Token != "again" || string(got.Answer) != `{"found":[]}` {
		t.Errorf("answered %+v", got)
	}
	if len(people.sites) != 1 || people.sites[0] != testSite || people.asks[0].Password != "secret" || string(people.asks[0].Ask) != string(ask.Ask) {
		t.Errorf("the centre was asked by %v: %+v", people.sites, people.asks)
	}
	r.gate.expire()
	_, err = r.client.LookUp(t.Context(), testSite, ask)
	must(t, err)
	if len(people.asks) != 2 || r.gate.signIns != 2 {
		t.Errorf("after the token expired: %d questions, %d sign-ins", len(people.asks), r.gate.signIns)
	}
	// What the centre refuses is not asked again.
	people.err = atoll.Errorf(atoll.Denied, "the password is wrong")
	if _, err = r.client.LookUp(t.Context(), testSite, ask); !errors.Is(err, atoll.Denied) || len(people.asks) != 3 {
		t.Errorf("refused with %v after %d questions", err, len(people.asks))
	}
	for name, header := range map[string]string{"no token": "", "a user's token": "Bearer again"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+Prefix+"people", strings.NewReader(`{"user":"clerk","password":"secret"}`))
		must(t, err)
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized || len(people.asks) != 3 {
			t.Errorf("%s: status %d, %d questions", name, resp.StatusCode, len(people.asks))
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// A centre that answers no such questions has nothing there.
func TestPeopleAreNotEverywhere(t *testing.T) {
	r := newRig(t, nil)
	if _, err := r.client.LookUp(t.Context(), testSite, exchange.LookUp{}); !errors.Is(err, atoll.NotFound) {
		t.Errorf("got %v", err)
	}
}
