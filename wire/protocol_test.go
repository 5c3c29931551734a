package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/golden"
)

const protocolDocument = "../docs/protocol.md"

var exampleBlock = regexp.MustCompile(`(?s)<!-- example: ([\w-]+) -->\n(.*?)<!-- end -->`)

// TestProtocolExamples holds docs/protocol.md to the code: every example and
// table between markers is what the program writes (R-K-74). With -update it
// writes them.
func TestProtocolExamples(t *testing.T) {
	examples := protocolExamples(t)
	text, err := os.ReadFile(protocolDocument)
	must(t, err)
	seen := map[string]bool{}
	made := exampleBlock.ReplaceAllFunc(text, func(block []byte) []byte {
		m := exampleBlock.FindSubmatch(block)
		name := string(m[1])
		want, known := examples[name]
		switch {
		case !known:
			t.Errorf("example %q is in the document but not in this test", name)
			return block
		case seen[name]:
			t.Errorf("example %q is in the document twice", name)
		case string(m[2]) != want && !golden.Update():
			t.Errorf("example %q is not what the code makes: run go test -run Protocol -update\nin the document:\n%s\nmade:\n%s", name, m[2], want)
		}
		seen[name] = true
		return []byte("<!-- example: " + name + " -->\n" + want + "<!-- end -->")
	})
	for name := range examples {
		if !seen[name] {
			t.Errorf("example %q is not in the document", name)
		}
	}
	if golden.Update() && !bytes.Equal(made, text) {
		must(t, os.WriteFile(protocolDocument, made, 0o666))
	}
}

// TestProtocolMembers holds the tables of members to the structures: no member
// without a row, no row without a member.
func TestProtocolMembers(t *testing.T) {
	text, err := os.ReadFile(protocolDocument)
	must(t, err)
	tables := map[string]any{
		"hello": exchange.Hello{}, "welcome": exchange.Welcome{}, "receipt": exchange.Receipt{}, "refusal": exchange.Refusal{},
		"checkpoint": exchange.Checkpoint{}, "end": exchange.End{}, "subscription": exchange.Subscription{},
		"enrolment": exchange.Enrolment{}, "enrolled": exchange.Enrolled{}, "signin": exchange.SignIn{}, "token": exchange.Token{},
		"problem": Problem{}, "pong": Pong{}, "lookup": exchange.LookUp{}, "lookedup": exchange.LookedUp{},
		"comparison": exchange.Comparison{}, "comparerow": exchange.CompareRow{}, "compared": exchange.Compared{},
		"compareverdict": exchange.CompareVerdict{},
	}
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\|")
	for name, v := range tables {
		block := regexp.MustCompile(`(?s)<!-- members: ` + name + ` -->\n(.*?)<!-- end -->`).FindSubmatch(text)
		if block == nil {
			t.Errorf("the document has no members of %q", name)
			continue
		}
		var have, want []string
		for _, m := range row.FindAllSubmatch(block[1], -1) {
			have = append(have, string(m[1]))
		}
		for f := range fieldsOf(reflect.TypeOf(v)) {
			want = append(want, f)
		}
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("members of %q in the document: %q; in the code: %q", name, have, want)
		}
	}
	// A shortened message has the members of the full one.
	for _, pair := range [][2]any{{welcome{}, exchange.Welcome{}}, {receipt{}, exchange.Receipt{}}} {
		if a, b := fieldsOf(reflect.TypeOf(pair[0])), fieldsOf(reflect.TypeOf(pair[1])); !reflect.DeepEqual(a, b) {
			t.Errorf("%T has members %v, %T has %v", pair[0], a, pair[1], b)
		}
	}
}

func fieldsOf(t reflect.Type) map[string]bool {
	out := map[string]bool{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out[name] = true
	}
	return out
}

// story is one small exchange with everything in it, the same each time.
type story struct {
	seed     []byte
	key      ed25519.PrivateKey
	system   atoll.ID
	device   string
	nonce    string
	contents [][]byte // as the site keeps them
	outgoing [][]byte
	chain    []atoll.Hash
	hello    exchange.Hello
	answer   []exchange.Frame
}

const (
	storyTimeline = atoll.Timeline("5c1d2e3f4a5b6c7d")
	storyStock    = atoll.ID("01a1fc3c-73c5-772e-9301-37e53a347dc8")
	storyStore    = atoll.ID("01a1fc3c-1111-7222-8333-444455556666")
	storyItem     = atoll.ID("01a1fc3b-0a0b-7c0d-8e0f-101112131415")
	storyNote     = atoll.ID("01a1fc3d-2122-7324-9526-272829303132")
)

func newStory() story {
	s := story{
		seed: bytes.Repeat([]byte{7}, ed25519.SeedSize), system: "01a1fb00-5a5b-7c5d-8e5f-606162636465",
		device: "d3b07384d113edec", nonce: "AAECAwQFBgcICQoLDA0ODxAR",
	}
	s.key = ed25519.NewKeyFromSeed(s.seed)
	at := time.Date(2026, 11, 20, 7, 30, 0, 0, time.UTC)
	entry := func(minute int, ops ...atoll.Operation) {
		e := atoll.Entry{Time: at.Add(time.Duration(minute) * time.Minute), Actor: "ana", Cause: atoll.Cause{Kind: "user"}, Catalogue: 1, Operations: ops}
		content := e.Encode()
		prev := atoll.Hash{}
		if n := len(s.chain); n > 0 {
			prev = s.chain[n-1]
		}
		s.contents = append(s.contents, content)
		s.outgoing = append(s.outgoing, atoll.Outgoing(content))
		s.chain = append(s.chain, atoll.Chain(prev, 7, storyTimeline, uint64(len(s.contents)), atoll.Digest(content)))
	}
	stock := atoll.Key{Type: "stock_line", ID: storyStock}
	entry(0, atoll.Operation{
		Verb: atoll.Insert, Key: stock, Version: 1, Epoch: 1,
		Fields: atoll.Fields{}.Set("store_id", storyStore).Set("item_id", storyItem).Set("available_number_of_packs", json.Number("12.50")),
	})
	entry(1,
		atoll.Operation{Verb: atoll.Update, Key: stock, Version: 2, Base: atoll.Origin{Site: 7, Seq: 1}, Epoch: 1, Fields: atoll.Fields{}.Set("available_number_of_packs", json.Number("10.50"))},
		atoll.Operation{Verb: atoll.Insert, Key: atoll.Key{Type: "note", ID: storyNote}, Version: 1, Stays: true, Fields: atoll.Fields{}.Set("text", "A & B")})
	entry(2, atoll.Operation{Verb: atoll.Delete, Key: atoll.Key{Type: "note", ID: storyNote}, Version: 2, Base: atoll.Origin{Site: 7, Seq: 2}, Stays: true})

	h := &s.hello
	*h = exchange.Hello{
		Protocol: exchange.Protocol, Catalogue: 1, CatalogueHash: "0f1e2d3c4b5a6978", App: "1.0.0", Site: 7, Device: s.device,
		Timeline: storyTimeline, Turn: 42, Nonce: "00112233445566ff",
		Acknowledged: atoll.Head{Timeline: storyTimeline, Seq: 1, Hash: s.chain[0]},
		Head:         atoll.Head{Timeline: storyTimeline, Seq: 3, Hash: s.chain[2]},
		Centre:       "8899aabbccddeeff", Run: "1a2b3c4d", Cursor: 1200,
		Subscription: exchange.DigestAudiences(storyAudiences()), Records: 500, Bytes: 1 << 20,
		Clock: at.Add(3 * time.Minute).UnixMilli(), Waiting: 2,
	}
	s.answer = []exchange.Frame{
		exchange.Welcome{
			Protocol: h.Protocol, Catalogue: h.Catalogue, CatalogueHash: h.CatalogueHash, App: h.App, Centre: h.Centre,
			Clock: h.Clock + 411, Known: h.Acknowledged, Run: h.Run,
		},
		exchange.Receipt{Acknowledged: h.Head, Offered: 2, Applied: 2},
		exchange.Record{
			Position: 1207, Key: atoll.Key{Type: "item", ID: storyItem}, Version: 3, Origin: atoll.Origin{Site: 1, Seq: 88},
			Body: []byte(`{"code":"amox250","kind":"stock","name":"Amoxicillin 250mg"}`),
		},
		exchange.Checkpoint{Position: 1210},
		exchange.End{Cursor: 1210, Head: 1210},
	}
	return s
}

func storyAudiences() []atoll.Audience {
	return []atoll.Audience{
		atoll.ToAudience(storyStore), atoll.StoreAudience(storyStore), atoll.All, atoll.SiteAudience(7), atoll.CoreAudience(storyStore), atoll.Dispensary,
	}
}

// protocolExamples renders every example, by name, as it stands in the document.
func protocolExamples(t *testing.T) map[string]string {
	t.Helper()
	s := newStory()
	out := map[string]string{}
	add := func(name, language, text string) {
		out[name] = "```" + language + "\n" + strings.TrimRight(text, "\n") + "\n```\n"
	}
	add("ping", "json", asJSON(t, Pong{exchange.Protocol, exchange.OldestProtocol, "1.0.0", s.hello.Clock}))
	add("ticket", "", Ticket{URL: "https://sync.example.org", Code: "ABCD-EFGH-JKLM-NPQR"}.String()+"\n"+
		Ticket{URL: "https://10.0.0.5:8741", Code: "ABCD-EFGH-JKLM-NPQR", Pin: sha256.Sum256([]byte("a key"))}.String())
	gate(t, s, add)
	journalExamples(t, s, add)
	frameExamples(t, s, add)

	audiences := storyAudiences()
	slices.Sort(audiences)
	joined := ""
	for _, a := range audiences {
		joined += string(a) + "\n"
	}
	sum := sha256.Sum256([]byte(joined))
	if hex.EncodeToString(sum[:8]) != exchange.DigestAudiences(storyAudiences()) {
		t.Error("the digest of a subscription is not what the document says")
	}
	add("subscription-digest", "", joined+"\nsha256  "+hex.EncodeToString(sum[:])+"\ndigest  "+exchange.DigestAudiences(storyAudiences()))
	add("queued", "", queuedExample(t, audiences))
	add("runs", "", runsExample())
	out["codes"] = codesTable()
	out["limits"] = limitsTable(t)
	return out
}

func gate(t *testing.T, s story, add func(name, language, text string)) {
	t.Helper()
	public := s.key.Public().(ed25519.PublicKey)
	add("enrol", "json", asJSON(t, exchange.Enrolment{Site: "north", Code: "ABCD-EFGH-JKLM-NPQR", Key: public, Device: s.device, Protocol: exchange.Protocol, App: "1.0.0"})+
		"\n"+asJSON(t, exchange.Enrolled{Site: 7, Name: "north", Centre: s.hello.Centre, System: s.system}))
	add("challenge", "json", asJSON(t, challenge{7})+"\n"+asJSON(t, nonce{s.nonce}))
	text := exchange.SignedText(s.system, 7, s.device, s.nonce)
	signature := ed25519.Sign(s.key, text)
	if !exchange.Verify(public, text, signature) {
		t.Error("the signature of the example does not hold")
	}
	add("signed-text", "", string(text)+"\n\nbytes      "+wrapHex(text, "           ")+
		"\nseed       "+wrapHex(s.seed, "           ")+
		"\npublic key "+wrapHex(public, "           ")+
		"\nsignature  "+wrapHex(signature, "           "))
	add("token", "json", asJSON(t, exchange.SignIn{Site: 7, Nonce: s.nonce, Signature: signature, Device: s.device})+
		"\n"+asJSON(t, exchange.Token{Token: base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{1}, 28)), Expires: time.Hour}))
	add("problem", "json", asJSON(t, ProblemOf(busy(5*time.Second, "the central server is busy"))))
}

func journalExamples(t *testing.T, s story, add func(name, language, text string)) {
	t.Helper()
	for i, name := range []string{"entry-first", "entry-mixed", "entry-stays"} {
		add(name, "", string(s.contents[i]))
	}
	add("entry-outgoing", "", string(s.outgoing[1]))
	add("entry-withheld", "", string(s.outgoing[2]))
	e := atoll.Entry{Time: time.UnixMilli(0), Actor: "A & B <ana>\u2028\b\f\x01", Cause: atoll.Cause{Kind: "user"}, Catalogue: 1, Operations: []atoll.Operation{{
		Verb: atoll.Insert, Key: atoll.Key{Type: "note", ID: storyNote}, Version: 1, Fields: atoll.Fields{}.Set("text", "A & B <ana>\u2028\b\f\x01"),
	}}}
	if _, err := atoll.DecodeEntry(e.Encode()); err != nil {
		t.Errorf("the example of escapes does not decode: %v", err)
	}
	add("entry-escapes", "", strings.ReplaceAll(string(e.Encode()), "\u2028", "[U+2028]"))

	var b strings.Builder
	for i, l := range bytes.Split(s.contents[1], []byte{'\n'}) {
		fmt.Fprintf(&b, "line %d   %x\n", i, sha256.Sum256(l))
	}
	fmt.Fprintf(&b, "digest   %s\n", documentedDigest(s.contents[1]))
	add("digest", "", b.String())
	b.Reset()
	prev := atoll.Hash{}
	for i, content := range s.contents {
		digest := documentedDigest(content)
		if digest != atoll.Digest(content) || digest != atoll.Digest(s.outgoing[i]) {
			t.Errorf("the digest of entry %d is not what the document says", i+1)
		}
		hash := documentedChain(prev, 7, uint64(i+1), storyTimeline, digest)
		if hash != s.chain[i] {
			t.Errorf("the hash of entry %d is not what the document says", i+1)
		}
		fmt.Fprintf(&b, "entry %d  digest %s\n         hash   %s\n", i+1, digest, hash)
		prev = hash
	}
	add("chain", "", b.String())
}

// documentedDigest and documentedChain follow the words of the document and call
// nothing of the program.
func documentedDigest(content []byte) (digest atoll.Hash) {
	var all []byte
	for _, l := range bytes.Split(content, []byte{'\n'}) {
		sum := sha256.Sum256(l)
		all = append(all, sum[:]...)
	}
	return sha256.Sum256(all)
}

func documentedChain(prev atoll.Hash, site, seq uint64, timeline atoll.Timeline, digest atoll.Hash) atoll.Hash {
	b := append([]byte("atoll journal 1\n"), prev[:]...)
	b = binary.BigEndian.AppendUint64(b, site)
	b = binary.BigEndian.AppendUint64(b, seq)
	b = append(b, timeline...)
	return sha256.Sum256(append(b, digest[:]...))
}

func frameExamples(t *testing.T, s story, add func(name, language, text string)) {
	t.Helper()
	end := uncompressed(t, func(w *frameWriter) { must(t, w.write(KindDone, []byte(`{"entries":2}`))) })
	sum := binary.LittleEndian.AppendUint32(nil, crc32.Checksum(end[1:len(end)-4], crc32.MakeTable(crc32.Castagnoli)))
	if !bytes.Equal(sum, end[len(end)-4:]) {
		t.Error("the checksum of a frame is not what the document says")
	}
	add("frame", "", fmt.Sprintf("%02x           length: %d\n%x           kind: %c\n%x   payload: %s\n%x     CRC-32C of kind and payload, little-endian (0x%08x)",
		end[0], end[0], end[1], end[1], end[2:len(end)-4], end[2:len(end)-4], end[len(end)-4:], binary.LittleEndian.Uint32(sum)))

	var b strings.Builder
	for _, n := range []uint64{1, 127, 128, 300, 1 << 20} {
		fmt.Fprintf(&b, "%-8d %x\n", n, binary.AppendUvarint(nil, n))
	}
	add("varint", "", b.String())

	b.Reset()
	item := atoll.Key{Type: "item", ID: storyItem}
	for _, r := range []exchange.Record{
		{Position: 1207, Key: item, Version: 3, Origin: atoll.Origin{Site: 1, Seq: 88}},
		{Position: 1208, Key: item, Version: 4, Origin: atoll.Origin{Site: 1, Seq: 90}, Deleted: true},
		{Position: 1209, Key: item, Version: 2, Origin: atoll.Origin{Site: 1, Seq: 70}, Forced: true},
		{Position: 1210, Key: item, Gone: true, Forced: true},
		{Position: 311, Lane: atoll.CoreAudience(storyStore), Key: item, Version: 1, Origin: atoll.Origin{Site: 9, Seq: 5}},
	} {
		head, err := encodeRecordHead(&r)
		must(t, err)
		b.Write(head)
	}
	add("record-lines", "", b.String())

	hello, err := encodeHello(&s.hello)
	must(t, err)
	add("hello", "json", indentJSON(t, hello))
	full := &exchange.Hello{}
	for _, f := range s.answer {
		switch f := f.(type) {
		case exchange.Welcome:
			long, err := encodeWelcome(&f, full)
			must(t, err)
			add("welcome-full", "json", indentJSON(t, long))
		case exchange.Receipt:
			long, err := encodeReceipt(&exchange.Receipt{
				Acknowledged: f.Acknowledged, Offered: 2, Applied: 1, Quarantined: 1, Open: 1,
				Refusals: []exchange.Refusal{{Seq: 2, Code: atoll.Ownership, Layer: "ownership", Message: "the store is active on another site", Reason: atoll.Reason{Name: "elsewhere", Args: []any{"site", atoll.SiteID(3)}}, Type: "stock_line", ID: storyStock}},
			}, full)
			must(t, err)
			add("receipt-refused", "json", indentJSON(t, long))
		}
	}

	request := func(w *frameWriter) {
		must(t, w.write(KindHello, hello))
		for i := 1; i < 3; i++ {
			must(t, w.write(KindEntry, entryHead(uint64(i+1)), s.outgoing[i]))
		}
		must(t, w.write(KindDone, []byte(`{"entries":2}`)))
	}
	answer := func(w *frameWriter) {
		for _, f := range s.answer {
			must(t, writeFrame(w, f, &s.hello))
		}
	}
	add("request", "", dump(uncompressed(t, request)))
	add("answer", "", dump(uncompressed(t, answer)))
	add("answer-frames", "", list(t, uncompressed(t, answer), &s.hello))
	add("short", "", shortExample(t, s))
	var out bytes.Buffer
	c := testCodec.compress(&out, false)
	defer c.release()
	request(&c.frameWriter)
	must(t, c.out.Close())
	start := bytes.Clone(out.Bytes()[:7])
	readBack(t, s, &out)
	add("zstd-header", "", fmt.Sprintf("%x   magic number\n%x         frame header descriptor; its lowest two bits: a dictionary number of two bytes follows\n%x       dictionary %#x, little-endian",
		start[:4], start[4], start[5:], DictionaryID))
	if start[4]&0x23 != 0x22 || binary.LittleEndian.Uint16(start[5:]) != DictionaryID {
		t.Errorf("the stream begins with %x", start)
	}
	size := len(dictionary)
	sumOf := sha256.Sum256(dictionary)
	add("dictionary", "", fmt.Sprintf("file     wire/dictionary1.zstd\nnumber   %d (%#x)\nbytes    %d\nsha256   %x", DictionaryID, DictionaryID, size, sumOf))
}

// shortExample is the exchange after that of the story, in which nothing
// happens, and one with an entry like the first.
func shortExample(t *testing.T, s story) string {
	t.Helper()
	var m memory
	m.keep(&s.hello, nil, s.outgoing[1:], true)
	h := s.hello
	h.Turn, h.Nonce, h.Acknowledged, h.Cursor, h.Waiting = 43, "8796a5b4c3d2e1f0", h.Head, 1210, 0
	h.Clock += 600_000
	var up, down bytes.Buffer
	u, err := newUpload(testCodec, &h, m.of(h.Site), all(nil))
	must(t, err)
	_, err = up.ReadFrom(u)
	must(t, err)
	must(t, u.Close())
	b := encodeQuiet([]exchange.Frame{
		exchange.Welcome{
			Protocol: h.Protocol, Catalogue: h.Catalogue, CatalogueHash: h.CatalogueHash, App: h.App, Centre: h.Centre,
			Clock: h.Clock + 411, Known: h.Acknowledged, Run: h.Run,
		},
		exchange.Receipt{Acknowledged: h.Head},
		exchange.Checkpoint{Position: 1210, Digest: "72b03781d8b5b237"},
	}, &exchange.End{Cursor: 1210, Head: 1210}, &h)
	must(t, writePlain(&down, plainFrame{KindQuiet, b}))
	m.keep(&s.hello, nil, s.contents[:1], true)
	e := atoll.Entry{Time: time.UnixMilli(h.Clock - 500), Actor: "ana", Cause: atoll.Cause{Kind: "user"}, Catalogue: 1, Operations: []atoll.Operation{{
		Verb: atoll.Insert, Key: atoll.Key{Type: "stock_line", ID: "01a1fc46-26c5-7b2e-8301-47e53a347d01"}, Version: 1, Epoch: 1,
		Fields: atoll.Fields{}.Set("store_id", storyStore).Set("item_id", storyItem).Set("available_number_of_packs", json.Number("7.00")),
	}}}
	entry := exchange.Entry{Seq: h.Acknowledged.Seq + 1, Content: e.Encode()}
	h.Head = chained(&h, []exchange.Entry{entry})
	var packed bytes.Buffer
	u, err = newUpload(testCodec, &h, m.of(h.Site), all([]exchange.Entry{entry}))
	must(t, err)
	_, err = packed.ReadFrom(u)
	must(t, err)
	must(t, u.Close())
	return dump(up.Bytes()) + "\n" + dump(down.Bytes()) + "\n" + string(entry.Content) + "\n\n" + dump(packed.Bytes())
}

// readBack reads the request of the example as the centre does.
func readBack(t *testing.T, s story, stream *bytes.Buffer) {
	t.Helper()
	in := testCodec.decompress(stream, 1<<20)
	defer in.release()
	_, payload, err := in.next()
	must(t, err)
	h, err := decodeHello(payload)
	must(t, err)
	if !reflect.DeepEqual(h, s.hello) {
		t.Errorf("the Hello of the example is read as %+v", h)
	}
	head := h.Acknowledged
	for range 2 {
		_, payload, err := in.next()
		must(t, err)
		e, err := decodeEntry(payload)
		must(t, err)
		if _, err := atoll.DecodeEntry(e.Content); err != nil || e.Seq != head.Seq+1 {
			t.Errorf("entry %d of the example: %v", e.Seq, err)
		}
		head = atoll.Head{Timeline: h.Timeline, Seq: e.Seq, Hash: atoll.Chain(head.Hash, h.Site, h.Timeline, e.Seq, atoll.Digest(e.Content))}
	}
	if head != h.Head {
		t.Errorf("the entries of the example end at %v, the Hello says %v", head, h.Head)
	}
}

// list shows the frames of a stream, one to a line: what a reader reads back.
func list(t *testing.T, stream []byte, h *exchange.Hello) string {
	t.Helper()
	var b strings.Builder
	r := newFrameReader(bytes.NewReader(stream), 1<<20)
	for {
		kind, payload, err := r.next()
		if err != nil {
			return b.String()
		}
		_, err = readFrame(kind, payload, h)
		must(t, err)
		fmt.Fprintf(&b, "%c  %s\n", kind, strings.ReplaceAll(string(payload), "\n", "\n   "))
	}
}

func first(at atoll.Position, _ uint64) atoll.Position { return at }

// queuedExample shows three audiences of the story waiting for their turn.
func queuedExample(t *testing.T, audiences []atoll.Audience) string {
	t.Helper()
	waits := func(a atoll.Audience) bool { return a == audiences[1] || a == audiences[4] || a == audiences[5] }
	places := exchange.Places(audiences, waits)
	back, ok := exchange.AtPlaces(audiences, places)
	if !ok || len(back) != 3 {
		t.Errorf("%v came back as %v, %t", places, back, ok)
	}
	var b strings.Builder
	for i, a := range audiences {
		mark := ""
		if waits(a) {
			mark = "   queued"
		}
		fmt.Fprintf(&b, "%d  %s%s\n", i+1, a, mark)
	}
	fmt.Fprintf(&b, "\n\"queued\":%s", asJSON(t, places))
	return b.String()
}

func runsExample() string {
	centre := []exchange.Run{{ID: "aaaaaaaa", Began: 0}, {ID: "bbbbbbbb", Began: 900}, {ID: "dddddddd", Began: 1000}}
	site := []exchange.Run{{ID: "aaaaaaaa", Began: 0}, {ID: "bbbbbbbb", Began: 880}, {ID: "cccccccc", Began: 1150}}
	show := func(runs []exchange.Run) (s string) {
		for _, r := range runs {
			s += fmt.Sprintf("  %s %4d", r.ID, r.Began)
		}
		return s
	}
	return "centre" + show(centre) + "\nsite  " + show(site) +
		fmt.Sprintf("\nread on from %d: bbbbbbbb is the last run both know; at the centre it ended at 1000, at the site at 1150", first(exchange.CommonPosition(centre, site)))
}
