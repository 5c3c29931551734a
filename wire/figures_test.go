package wire

import (
	"bytes"
	"testing"

	"github.com/atollsync/atoll/exchange"
)

// figure returns the bytes of a request and an answer with n records each way.
func figure(t testing.TB, seed uint64, up, down int, bare bool) (request, answer int) {
	s := newSampler(seed)
	h := s.hello()
	var out bytes.Buffer
	c := testCodec.compress(&out, bare)
	defer c.release()
	b, _ := encodeHello(&h)
	must(t, c.write(KindHello, b))
	for i := range up {
		e := s.entry(h.Head.Seq+uint64(i)+1, s.IntN(99))
		must(t, c.write(KindEntry, entryHead(e.Seq), e.Content))
		if c.due() {
			must(t, c.flush())
		}
	}
	b, _ = marshal(done{up})
	must(t, c.write(KindDone, b))
	must(t, c.out.Close())
	request = out.Len()

	out.Reset()
	c2 := testCodec.compress(&out, bare)
	defer c2.release()
	idle := s.idle(h)
	idle[2] = exchange.Checkpoint{Position: h.Cursor, Digest: s.digits(16)}
	must(t, writeFrame(&c2.frameWriter, idle[0], &h))
	must(t, writeFrame(&c2.frameWriter, idle[1], &h))
	for range down {
		must(t, writeFrame(&c2.frameWriter, s.record(s.IntN(99)), &h))
		if c2.due() {
			must(t, c2.flush())
		}
	}
	must(t, writeFrame(&c2.frameWriter, idle[2], &h))
	must(t, writeFrame(&c2.frameWriter, idle[3], &h))
	must(t, c2.out.Close())
	return request, out.Len()
}

func TestFigures(t *testing.T) {
	for _, n := range []int{0, 1, 2, 10, 100} {
		var r, a, rp, ap int
		for seed := range uint64(20) {
			x, y := figure(t, 1000+seed, n, n, false)
			r, a = r+x, a+y
			x, y = figure(t, 1000+seed, n, n, true)
			rp, ap = rp+x, ap+y
		}
		k := max(n, 1)
		t.Logf("%3d each way: request %5d (bare %5d), answer %5d (bare %5d); per record up %d down %d", n, r/20, rp/20, a/20, ap/20, r/20/k, a/20/k)
	}
}
