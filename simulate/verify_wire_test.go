package simulate

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/wire"
)

// weighing counts every byte of its connections, headers included.
type weighing struct {
	net.Listener
	bytes *atomic.Int64
}

func (l weighing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return weighed{c, l.bytes}, err
}

type weighed struct {
	net.Conn
	bytes *atomic.Int64
}

func (c weighed) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c weighed) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

// wired makes a site with so many records of its store, over HTTP.
func wired(tb testing.TB, records int) (*world, *Node, *atomic.Int64) {
	w := f1(tb)
	item := w.item("x")
	for i := 0; i < records; i += 1000 {
		var do []journal.Proposal
		for range min(1000, records-i) {
			id := atoll.NewID(w.Clock.Now())
			do = append(do, Stock(id, w.Stores["E"], item, fmt.Sprint(1+len(do))))
		}
		w.edit(1, do...)
	}
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	s, code, err := w.Centre.Centre.AddSite(w.ctx, "tester", "Clinic", topology.Server)
	if err != nil {
		tb.Fatal(err)
	}
	w.configure(central.Assign(w.Stores["E"], s.ID))
	e, err := w.Centre.Centre.Enrol(w.ctx, exchange.Enrolment{Code: code, Key: public, Device: "device of Clinic", Protocol: exchange.Protocol})
	if err != nil {
		tb.Fatal(err)
	}
	bytes := &atomic.Int64{}
	server := httptest.NewUnstartedServer(wire.Handler(wire.Options{
		Centre: w.Centre.Centre, Gate: w.Centre.Centre, Comparer: w.Centre.Centre, Now: w.Clock.Now,
	}))
	server.Listener = weighing{server.Listener, bytes}
	server.Start()
	tb.Cleanup(server.Close)
	client, err := wire.NewClient(wire.ClientOptions{URL: server.URL, Site: s.ID, System: e.System, Device: "device of Clinic", Key: key, Now: w.Clock.Now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	n, err := w.open(w.ctx, "Clinic", station.Identity{Role: station.Remote, Site: s.ID, Name: "Clinic"})
	if err != nil {
		tb.Fatal(err)
	}
	w.Sites[s.ID] = n
	n.Site.Centre, n.Site.Comparer = client, client
	for range 3 {
		if _, err := n.Site.Cycle(w.ctx); err != nil {
			tb.Fatal(err)
		}
	}
	return w, n, bytes
}

// verified compares over the wire, and returns the bytes that it took both ways.
func verified(tb testing.TB, w *world, n *Node, bytes *atomic.Int64, differing int) int64 {
	before := bytes.Load()
	out, err := n.Site.Verify(w.ctx, true)
	if err != nil || len(out.Rows) != differing || out.Left() > 0 {
		tb.Fatalf("%+v, %v", out, err)
	}
	return bytes.Load() - before
}

// R-H-44, R-M-02: equal copies cost the same few bytes however many records there
// are, a cycle and all headers included; one that differs some kilobytes more.
func TestR_M_02_EqualCopiesCostLittle(t *testing.T) {
	const most = 5 << 10
	var equal []int64
	for _, records := range []int{100, 4000} {
		w, n, bytes := wired(t, records)
		equal = append(equal, verified(t, w, n, bytes, 0))
		if cost := equal[len(equal)-1]; cost > most {
			t.Errorf("%d equal records cost %d bytes; want %d at most", records, cost, most)
		}
		line := w.list(n.Door.Site, "stock_line")[7]
		w.damage(n.Door.Site, `DELETE FROM record WHERE type = 'stock_line' AND id = ?`, string(line.ID))
		if cost := verified(t, w, n, bytes, 1); cost > 4*most {
			t.Errorf("one lost of %d records cost %d bytes", records, cost)
		} else {
			t.Logf("%d records: equal %d bytes, one lost and healed %d", records, equal[len(equal)-1], cost)
		}
	}
	if d := equal[1] - equal[0]; d > 400 || d < -400 {
		t.Errorf("equal copies cost %d bytes, and %d with forty times the records", equal[0], equal[1])
	}
}

// BenchmarkVerify compares 100,000 equal records over HTTP.
func BenchmarkVerify(b *testing.B) {
	w, n, bytes := wired(b, 100_000)
	verified(b, w, n, bytes, 0)
	bytes.Store(0)
	for b.Loop() {
		verified(b, w, n, bytes, 0)
	}
	b.ReportMetric(float64(bytes.Load())/float64(b.N), "wire-bytes/op")
}
