package wire

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// fakeComparer remembers what it was asked.
type fakeComparer struct {
	sites []atoll.SiteID
	asked []exchange.Comparison
	err   error
}

var comparedExample = exchange.Compared{
	Records: 5, Position: 1210, Apart: []string{"0a"},
	Rows: []exchange.CompareVerdict{{Type: "item", ID: "01a1fc3b-0a0b-7c0d-8e0f-101112131415", Verdict: "take", Origin: atoll.Origin{Site: 1, Seq: 88}, Version: 3, Sum: "0011223344556677", Done: true}},
}

func (f *fakeComparer) Compare(_ context.Context, site atoll.SiteID, q exchange.Comparison) (exchange.Compared, error) {
	f.sites, f.asked = append(f.sites, site), append(f.asked, q)
	return comparedExample, f.err
}

// A comparison goes over the site's own connection; it is about the site that is
// signed in, and about no other, whatever it says. What it asks is bounded.
//
// R-H-44, R-K-27, R-K-58.
func TestR_H_44_R_K_27_RowsAreCompared(t *testing.T) {
	c := &fakeComparer{}
	r := newRig(t, func(o *Options, _ *ClientOptions) { o.Comparer = c })
	q := exchange.Comparison{
		Timeline: "5c1d2e3f4a5b6c7d", Run: "1a2b3c4d", Subscription: "bfa7df5484c734d4", Applied: 1210, Acknowledged: 3, All: "72b03781d8b5b237", Records: 5,
		Nodes: []exchange.CompareNode{{Prefix: "0a", Sums: make([]byte, 2048)}},
		Leaves: []exchange.CompareLeaf{{Prefix: "0a1b", Rows: []exchange.CompareRow{
			{Type: "item", ID: "01a1fc3b-0a0b-7c0d-8e0f-101112131415", Sum: "0011223344556677", Origin: atoll.Origin{Site: 7, Seq: 3}, Spoiled: true, Waiting: true, Unsent: true, Deleted: true, Aside: true},
		}}},
		Repair: true, Outcome: &exchange.Outcome{Records: 5, Differing: 2, Repaired: 1, UnderWay: 1},
	}
	got, err := r.client.Compare(t.Context(), 99, q)
	must(t, err)
	if !reflect.DeepEqual(got, comparedExample) || c.sites[0] != testSite || !reflect.DeepEqual(c.asked[0], q) {
		t.Errorf("site %v asked %+v, was answered %+v", c.sites, c.asked, got)
	}
	r.gate.expire()
	if _, err = r.client.Compare(t.Context(), testSite, q); err != nil || r.gate.signIns != 2 {
		t.Errorf("after the token expired: %v, %d sign-ins", err, r.gate.signIns)
	}
	c.err = atoll.Errorf(atoll.Busy, "later")
	if _, err = r.client.Compare(t.Context(), testSite, q); !errors.Is(err, atoll.Busy) {
		t.Errorf("busy: %v", err)
	}
	asked := len(c.asked)
	q.All = strings.Repeat("a", maxMessage)
	if _, err = r.client.Compare(t.Context(), testSite, q); !errors.Is(err, atoll.TooLarge) || len(c.asked) != asked {
		t.Errorf("a long question: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+Prefix+"compare", strings.NewReader(`{}`))
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || len(c.asked) != asked {
		t.Errorf("without a token: status %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()

	none := newRig(t, func(*Options, *ClientOptions) {})
	if _, err := none.client.Compare(t.Context(), testSite, exchange.Comparison{}); !errors.Is(err, atoll.NotFound) {
		t.Errorf("a centre that compares nothing: %v", err)
	}
}

// What a site asks beside its exchanges bears the id of its cycle in the centre's log,
// or one of its own where there is no cycle; what is no id gets into no log.
//
// R-I-24.
func TestR_I_24_QuestionsBearTheirCycle(t *testing.T) {
	var log bytes.Buffer
	var told []exchange.Report
	r := newRig(t, func(o *Options, c *ClientOptions) {
		o.Comparer, o.People = &fakeComparer{}, &fakePeople{}
		o.Logger = exchange.Traced(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		c.Report = func(r exchange.Report) { told = append(told, r) }
	})
	ctx := exchange.InCycle(t.Context(), "0a1b2c3d")
	_, err := r.client.Compare(ctx, testSite, exchange.Comparison{})
	must(t, err)
	_, err = r.client.LookUp(t.Context(), testSite, exchange.LookUp{})
	must(t, err)
	_, err = r.client.Compare(exchange.InCycle(t.Context(), "<script>"), testSite, exchange.Comparison{})
	must(t, err)
	r.server.Close() // what is logged after the answer is there
	lines := ""
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "route=compare") || strings.Contains(line, "route=people") {
			lines += line
		}
	}
	if n := strings.Count(lines, "cycle=0a1b2c3d"); n != 1 {
		t.Errorf("%d lines of the cycle:\n%s", n, lines)
	}
	asked := ""
	for _, r := range told {
		if r.Route == "people" {
			asked = r.Cycle
		}
	}
	if !exchange.IsCycle(asked) || strings.Count(lines, "cycle="+asked) != 1 || strings.Contains(lines, "script") {
		t.Errorf("the question about patients was %q:\n%s", asked, lines)
	}
}
