package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// TestPack: entries of every type come out of packed frames as they went in, and both
// ends remember the same, whatever came before.
func TestPack(t *testing.T) {
	total := 0
	for seed := range uint64(30) {
		s := newSampler(7000 + seed)
		up, down := &vocabulary{}, &vocabulary{}
		packed := 0
		for n := range 60 {
			var entries []exchange.Entry
			for range 1 + s.IntN(3) {
				entries = append(entries, s.entry(uint64(n+1+len(entries)), s.IntN(4), s.IntN(4)))
			}
			var contents [][]byte
			for i := range entries {
				entries[i].Seq = uint64(n + 1 + i)
				contents = append(contents, entries[i].Content)
			}
			if b := up.clone().pack(entries); b != nil {
				packed++
				got, err := down.clone().unpack(b, uint64(n+1))
				if err != nil || !reflect.DeepEqual(got, entries) {
					t.Fatalf("seed %d, request %d: %v\nwent in\n%s\ncame out\n%s", seed, n, err, entries[0].Content, got[0].Content)
				}
			}
			all := s.IntN(20) > 0
			up.learn(contents, all)
			down = loose(down.tight(), down.digest)
			down.learn(contents, all)
			if !reflect.DeepEqual(up, down) {
				t.Fatalf("seed %d, request %d: the ends remember different things", seed, n)
			}
		}
		total += packed
	}
	if total < 200 {
		t.Errorf("%d of 1800 requests were packed", total)
	}
}

// inserts is an entry of the sampler that has no updates, by a user: lines of the
// shapes that come again.
func inserts(s *sampler, of ...int) exchange.Entry {
	for {
		e := s.entry(1, of...)
		if !bytes.Contains(e.Content, []byte(`"update"`)) && bytes.Contains(e.Content, []byte(`"user"`)) {
			return e
		}
	}
}

// TestPackValues: a value of any form comes back as it was written, to the byte.
func TestPackValues(t *testing.T) {
	values := []string{
		`"x"`, `""`, `"12"`, `"012"`, `"-5"`, `"2026-02-28"`, `"2026-02-30"`, `"1999-12-31"`, `"9999-12-31"`, `"2026-11-20T07:30:00Z"`, `"2026-11-20T07:30:00+01:00"`,
		`"01a1fc3c-73c5-772e-9301-37e53a347dc8"`, `"01A1FC3C-73C5-772E-9301-37E53A347DC8"`, `"01a1fc3c-73c5-772e-9301-37e53a347dff"`, `"a \"quoted\" \\ thing"`,
		`0`, `-0`, `0.0`, `00`, `12.50`, `-12.50`, `0.05`, `-0.05`, `5.`, `1e5`, `1.5E-7`, `123456789012345678901234567890`, `-1`, `9223372036854775807`,
		`0.12345678`, `0.1234567`, `"` + string(bytes.Repeat([]byte{'y'}, 79)) + `"`, `"` + string(bytes.Repeat([]byte{'y'}, 300)) + `"`, `"ümlaut"`,
	}
	for _, was := range values {
		for _, now := range values {
			line := func(v string) string { return fmt.Sprintf(`{"a":%s,"b":[%s,{"c":true}]}`, v, v) }
			v := &vocabulary{}
			v.line(line(was))
			entries := []exchange.Entry{{Seq: 1, Content: []byte(line(now))}}
			b := v.clone().pack(entries)
			if b == nil {
				if spots := literals(line(now)); len(spots) == 2 {
					t.Errorf("%s after %s is not packed", now, was)
				}
				continue
			}
			got, err := v.unpack(b, 1)
			if err != nil || string(got[0].Content) != line(now) {
				t.Errorf("%s after %s: %v, %v", now, was, got, err)
			}
		}
	}
}

// TestR_K_58_HostilePack: bytes that are no packed entries are damage, and what comes
// out of few bytes is bounded.
func TestR_K_58_HostilePack(t *testing.T) {
	s := newSampler(71)
	v := &vocabulary{}
	v.learn([][]byte{inserts(s, 0, 1, 2).Content}, true)
	good := v.clone().pack([]exchange.Entry{inserts(s, 0, 1, 2)})
	if good == nil {
		t.Fatal("not packed")
	}
	r := rand.New(rand.NewPCG(71, 1))
	for range 20000 {
		b := bytes.Clone(good)
		for range 1 + r.IntN(4) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		b = b[:1+r.IntN(len(b))]
		got, err := v.clone().unpack(b, 1)
		total := 0
		for _, e := range got {
			total += len(e.Content)
		}
		if err == nil && total > maxPacked {
			t.Fatalf("%x gives %d bytes", b, total)
		}
	}
	bomb := []byte{0x80, 0x80, 0x04} // 65536 lines
	for range 60000 {
		bomb = append(bomb, 0, 0)
	}
	if _, err := v.clone().unpack(bomb, 1); err == nil {
		t.Error("a bomb was unpacked")
	}
}

// TestR_K_62_PackedExchange: after the first entries the next ones of their kind are
// packed; a centre that remembers something else gets them in full.
func TestR_K_62_PackedExchange(t *testing.T) {
	r := newRig(t, nil)
	r.centre.answer = quietly
	server, _ := r.server.Config.Handler.(*handler)
	s := newSampler(72)
	h := fresh(s)
	var sent []exchange.Entry
	for turn := range 6 {
		next := h
		var entries []exchange.Entry
		if turn > 0 {
			next = follow(s, h, 0)
			e := inserts(s, 1, 1)
			e.Seq = next.Acknowledged.Seq + 1
			entries = append(entries, e)
			next.Head, next.Waiting = chained(&next, entries), 1
		}
		if turn == 4 { // the centre remembers other entries
			last := *server.said.of(testSite)
			v := last.vocabulary()
			v.lines[0], v.lines[1] = v.lines[1], v.lines[0]
			last.words = v.tight()
			server.said.said[testSite] = &last
		}
		sent = append(sent, entries...)
		got, err := collect(r.client.Exchange(t.Context(), next, once(t, entries)))
		must(t, err)
		if !reflect.DeepEqual(got, quietly(next)) {
			t.Errorf("turn %d: %+v", turn, got)
		}
		h = next
		told := r.told()
		if last := told[len(told)-1]; turn > 1 && turn != 4 && turn != 5 && last.Received > 400 {
			t.Errorf("turn %d: %d bytes for two records: not packed", turn, last.Received)
		}
	}
	hellos, arrived, failed := r.centre.seen()
	if len(hellos) != 6 || failed != nil || !reflect.DeepEqual(hellos[5], h) {
		t.Errorf("%d Hellos, %v, the last %+v; want %+v", len(hellos), failed, hellos[5], h)
	}
	if !reflect.DeepEqual(arrived, sent) {
		t.Errorf("%d entries were sent, %d arrived", len(sent), len(arrived))
	}
}

// TestMemoryIsBounded: what is remembered of sites has an end.
func TestMemoryIsBounded(t *testing.T) {
	s := newSampler(73)
	h := fresh(s)
	var m memory
	long := bytes.Repeat([]byte("x"), maxLine-20)
	for i := range 2*maxSaid/maxLine/8 + 10 {
		h.Site = atoll.SiteID(i + 1)
		var contents [][]byte
		for k := range 3 {
			contents = append(contents, fmt.Appendf(nil, `{"%d":"%s"}`, k, long))
		}
		m.keep(&h, nil, contents, true)
		if i > 5000 {
			break
		}
	}
	want := 0
	for _, r := range m.said {
		want += r.bytes()
	}
	if m.size != want || m.size > maxSaid {
		t.Errorf("%d bytes are counted, %d are there; at most %d may be", m.size, want, maxSaid)
	}
	m.forget(1)
	m.forget(1)
	for site := range m.said {
		m.forget(site)
	}
	if m.size != 0 {
		t.Errorf("%d bytes are counted when nothing is there", m.size)
	}
}
