package memory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
	"github.com/atollsync/atoll/storage/sqlite"
)

// Whatever is asked of them, SQLite and memory give the same answers: positions,
// ids, orders and kinds of errors included. The seed is the test's name.
func TestSameAnswersAsSQLite(t *testing.T) {
	steps := 3000
	if testing.Short() {
		steps = 500
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			now := func() time.Time { return time.UnixMilli(1_700_000_000_123) }
			file := filepath.Join(t.TempDir(), "atoll.db")
			disk := memory.NewDisk()
			openBoth := func() pair {
				s, err := sqlite.Open(t.Context(), file, sqlite.Options{NoSync: true, Now: now})
				if err != nil {
					t.Fatal(err)
				}
				return pair{s, memory.Open(disk, memory.Options{Now: now})}
			}
			both := openBoth()
			defer func() { both.close(t) }()
			random := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // repeatable on purpose
			for n := 0; n < steps; {
				did := random.Uint64()
				n += both.compare(t, did)
				if random.IntN(30) == 0 {
					both.close(t)
					both = openBoth()
				}
				if random.IntN(20) == 0 {
					if err := both.memory.Check(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

type pair struct {
	sqlite *sqlite.Store
	memory *memory.Store
}

func (p pair) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(p.sqlite.Close(), p.memory.Close()); err != nil {
		t.Fatal(err)
	}
}

// compare plays one transaction on both and compares what they answered; it
// returns how many steps that was.
func (p pair) compare(t *testing.T, seed uint64) int {
	t.Helper()
	var heard [2]player
	for i, s := range []storage.Store{p.sqlite, p.memory} {
		heard[i].Rand = rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose
		heard[i].transaction(t.Context(), s)
	}
	if diff := cmp.Diff(heard[0].heard, heard[1].heard); diff != "" {
		t.Fatalf("transaction %d: SQLite (-) and memory (+) differ:\n%s", seed, diff)
	}
	return len(heard[0].heard)
}

// player makes random calls and notes the answers.
type player struct {
	*rand.Rand
	heard []string
}

func (p *player) hear(what string, answer any, err error) {
	text := fmt.Sprintf("%+v", answer)
	if err != nil {
		text += " failed: " + string(atoll.CodeOf(err))
		if errors.Is(err, errOurs) || errors.Is(err, context.Canceled) {
			text = err.Error()
		}
	}
	p.heard = append(p.heard, what+": "+text)
}

func (p *player) transaction(ctx context.Context, s storage.Store) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.IntN(3) == 0 {
		err := s.View(ctx, func(r storage.Reader) error {
			for range 1 + p.IntN(8) {
				p.read(r)
			}
			return p.mood(cancel)
		})
		p.hear("view", nil, err)
		return
	}
	err := s.Update(ctx, func(tx storage.Tx) error {
		for range 1 + p.IntN(12) {
			p.step(tx, 0)
		}
		return p.mood(cancel)
	})
	p.hear("update", nil, err)
}

// mood is how the function of a transaction ends.
func (p *player) mood(cancel func()) error {
	switch p.IntN(12) {
	case 0:
		return errOurs
	case 1:
		cancel()
	}
	return nil
}

func (p *player) step(tx storage.Tx, depth int) {
	switch n := p.IntN(10); {
	case n < 3:
		p.read(tx)
	case n == 3 && depth < 4:
		err := tx.Savepoint(func() error {
			for range 1 + p.IntN(5) {
				p.step(tx, depth+1)
			}
			if p.IntN(2) == 0 {
				return errOurs
			}
			return nil
		})
		p.hear("savepoint", nil, err)
	default:
		p.write(tx)
	}
}

func (p *player) id() atoll.ID { return atoll.DeriveID("test", fmt.Sprint(p.IntN(9))) }

func (p *player) typ() atoll.Type {
	return []atoll.Type{"item", "items", "name", "stock_line"}[p.IntN(4)]
}

func (p *player) key() atoll.Key { return atoll.Key{Type: p.typ(), ID: p.id()} }

func (p *player) site() atoll.SiteID { return atoll.SiteID(1 + p.IntN(4)) }

func (p *player) audience() atoll.Audience {
	return []atoll.Audience{"all", "store/a", "store/b", "store/", "site/1"}[p.IntN(5)]
}

func (p *player) lane() string { return []string{"in", "in/2", "back"}[p.IntN(3)] }

func (p *player) word() string {
	return []string{"", "a", "b", "a b", "é", "片", "%", "a/", "z\"'", "\\"}[p.IntN(10)]
}

func (p *player) bytes() []byte {
	if p.IntN(5) == 0 {
		return nil
	}
	b := make([]byte, p.IntN(40))
	for i := range b {
		b[i] = byte(p.IntN(256))
	}
	return b
}

func (p *player) hash() (h atoll.Hash) {
	for i := range h {
		h[i] = byte(1 + p.IntN(255))
	}
	if p.IntN(15) == 0 {
		return atoll.Hash{}
	}
	return h
}

func (p *player) time() time.Time {
	switch p.IntN(4) {
	case 0:
		return time.Time{}
	case 1:
		return time.UnixMicro(p.Int64N(1 << 51))
	}
	return time.Unix(1_700_000_000, p.Int64N(1e9)).In(time.FixedZone("there", 3600))
}

func (p *player) head() atoll.Head {
	return atoll.Head{Timeline: atoll.Timeline(p.word()), Seq: p.Uint64N(4), Hash: p.hash()}
}

func (p *player) index() map[string]string {
	out := map[string]string{}
	for _, name := range []string{"code", "store", "unit"} {
		if p.IntN(2) == 0 {
			out[name] = []string{"", "a", "b", "it's \"x\" \\ <&> é"}[p.IntN(4)]
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (p *player) limit() int { return []int{0, 0, 1, 2, 3, 7, 100, -1}[p.IntN(8)] }

func (p *player) record() atoll.Record {
	r := atoll.Record{Key: p.key(), Version: p.Uint64N(5), Deleted: p.IntN(6) == 0, Hidden: p.IntN(6) == 0}
	if p.IntN(8) > 0 {
		body := map[string]any{"name": p.word(), "n": p.IntN(9)}
		if p.IntN(2) == 0 {
			body["list"] = []any{p.word(), true, map[string]any{"n": 1}}
		}
		r.Body, _ = json.Marshal(body)
	}
	if p.IntN(2) == 0 {
		r.Origin = atoll.Origin{Site: p.site(), Seq: p.Uint64()}
		r.Origin.Seq >>= 1
	}
	for range p.IntN(3) {
		r.Audiences = append(r.Audiences, p.audience())
	}
	if p.IntN(40) == 0 {
		r.Audiences = append(r.Audiences, []atoll.Audience{"", "a\nb"}[p.IntN(2)])
	}
	return r
}

func (p *player) refusal() storage.Refusal {
	f := storage.Refusal{
		ID: p.Int64N(12), Site: p.site(), Timeline: atoll.Timeline(p.word()), Seq: p.Uint64N(9), Code: atoll.Rule, Layer: p.word(),
		Message: p.word(), Subject: p.key(), Field: p.word(), Behind: p.Int64N(4), Content: p.bytes(), At: p.time(),
		Attempts: p.IntN(4), Settled: p.time(), By: p.word(), Note: p.word(),
		State: []string{storage.Open, storage.Applied, storage.Skipped, storage.Returned, storage.Applied, "lost"}[p.IntN(6)],
	}
	for range p.IntN(4) {
		f.Keys = append(f.Keys, p.key())
	}
	if p.IntN(2) == 0 {
		f.Reason = atoll.Reason{Name: "stock.below", Args: []any{"field", p.word(), "site", p.site()}}
	}
	return f
}

func (p *player) write(tx storage.Tx) {
	switch p.IntN(15) {
	case 0, 1, 2, 3:
		r := p.record()
		at, err := tx.Put(r, p.index())
		p.hear(fmt.Sprint("put ", r.Key), at, err)
	case 4:
		k := p.key()
		p.hear(fmt.Sprint("forget ", k), nil, tx.Forget(k))
	case 5:
		site := p.site()
		head, err := tx.Head(site)
		p.hear("head", head, err)
		e := storage.JournalEntry{
			Site: site, Timeline: atoll.Timeline(p.word()), Seq: head.Seq + 1, Hash: p.hash(), Received: p.time(), Content: p.bytes(),
		}
		if p.IntN(8) == 0 {
			e.Seq += p.Uint64N(3) - 1
		}
		p.hear("append", e.Seq, tx.Append(e))
	case 6:
		site, base := p.site(), p.head()
		if base.Hash.IsZero() || p.IntN(3) > 0 { // seldom, or no journal would begin at its beginning
			return
		}
		p.hear(fmt.Sprint("base ", site, base), nil, tx.SetBase(site, base))
	case 7:
		a, l := p.audience(), storage.FeedLine{Position: atoll.Position(p.IntN(40)), Key: p.key(), Gone: p.IntN(4) == 0, Forced: p.IntN(4) == 0}
		p.hear(fmt.Sprint("list ", a, l), nil, tx.List(a, l))
	case 8:
		a := p.audience()
		lines, err := tx.Feed(a, 0, 0, 0)
		if p.hear("feed", lines, err); len(lines) > 0 {
			l := lines[p.IntN(len(lines))]
			p.hear("unlist", nil, tx.Unlist(a, l.Position, l.Key))
		}
		p.hear("unlist", nil, tx.Unlist(a, 3, p.key()))
		at, err := tx.NextPosition()
		p.hear("next", at, err)
	case 13:
		k, audiences := p.key(), p.record().Audiences
		p.hear(fmt.Sprint("place ", k, audiences), nil, tx.Place(k, audiences))
		if p.IntN(2) == 0 {
			index := p.index()
			p.hear(fmt.Sprint("reindex ", k, index), nil, tx.Reindex(k, index))
		}
	case 14:
		p.amend(tx)
	case 9:
		it := storage.StagedItem{Key: p.key(), Position: atoll.Position(p.IntN(30)), Payload: p.bytes(), Error: p.word(), Attempts: p.IntN(3)}
		p.hear("stage", nil, tx.Stage(p.lane(), it))
	case 10:
		k := p.key()
		if p.IntN(5) == 0 {
			k = atoll.Key{}
		}
		p.hear("unstage", nil, tx.Unstage(p.lane(), k))
		if p.IntN(3) == 0 {
			p.hear("restage", nil, tx.Restage(p.lane(), p.lane()))
		}
	case 11:
		if f := p.refusal(); p.IntN(2) == 0 {
			id, err := tx.Refuse(f)
			p.hear("refuse", id, err)
		} else {
			p.hear(fmt.Sprint("settle ", f.ID, f.State), nil, tx.Settle(f))
		}
	case 12:
		bucket, k := p.lane(), p.word()
		if p.IntN(3) > 0 {
			p.hear("set", nil, tx.Set(bucket, k, p.bytes()))
		} else {
			p.hear("drop", nil, tx.Drop(bucket, k))
		}
	}
}

// amend falsifies a digest, and sets it right.
func (p *player) amend(tx storage.Tx) {
	a := p.audience()
	sum, err := tx.Digest(a)
	p.hear(fmt.Sprint("digest ", a), sum, err)
	p.hear("amend", nil, tx.Amend(a, sum))
	twice, err := tx.Digest(a)
	p.hear("twice", twice, err)
	p.hear("amend", nil, tx.Amend(a, digest.Sum{}.Minus(sum)))
}

func (p *player) read(r storage.Reader) {
	switch p.IntN(19) {
	case 0:
		k := p.key()
		rec, err := r.Record(k)
		p.hear(fmt.Sprint("record ", k), rec, err)
	case 1, 2:
		q := storage.Query{Type: p.typ(), Limit: p.limit(), Where: p.index(), All: p.IntN(2) == 0, Begun: [][]string{nil, nil, {"c"}, {"s", "u"}}[p.IntN(4)], Falling: p.IntN(2) == 0, By: []string{"", "", "", "code"}[p.IntN(4)]}
		if p.IntN(3) == 0 {
			q.After = p.id()
		}
		rs, err := r.Records(q)
		p.hear(fmt.Sprint("records ", q), rs, err)
	case 3:
		rs, err := r.Changed(atoll.Position(p.IntN(80)), p.limit())
		p.hear("changed", rs, err)
	case 4:
		n, err := r.CountRecords()
		p.hear("count", n, err)
	case 5:
		at, err := r.LastPosition()
		p.hear("last", at, err)
	case 6:
		site := p.site()
		head, err := r.Head(site)
		base, err2 := r.Base(site)
		p.hear("head and base", []any{head, base}, errors.Join(err, err2))
		all, err := r.Journals()
		p.hear("journals", all, err)
	case 7:
		es, err := r.Entries(p.site(), p.Uint64N(6), p.limit(), []int{0, 1, 30, 100, 1 << 20}[p.IntN(5)])
		p.hear("entries", es, err)
	case 8:
		e, err := r.Entry(p.site(), p.Uint64N(8))
		p.hear("entry", e, err)
	case 9:
		a, after, until := p.audience(), atoll.Position(p.IntN(30)), atoll.Position(p.IntN(50))
		ls, err := r.Feed(a, after, until, p.limit())
		p.hear(fmt.Sprint("feed ", a, after, until), ls, err)
	case 10:
		of, after := p.key().Type, storage.StagedPlace{Position: atoll.Position(p.IntN(30)), ID: p.key().ID}
		it, err := r.Staged(p.lane(), of, after, p.limit())
		p.hear(fmt.Sprint("staged ", of, after), it, err)
		types, err := r.StagedTypes(p.lane())
		p.hear("staged types", types, err)
	case 11:
		n, err := r.CountStaged()
		p.hear("count staged", n, err)
	case 12:
		f, err := r.Refusal(p.Int64N(12))
		p.hear("refusal", f, err)
	case 13:
		fs, err := r.Refusals(atoll.SiteID(p.IntN(5)), p.IntN(2) == 0, p.Int64N(6), p.limit())
		p.hear("refusals", fs, err)
	case 14:
		ids, err := r.OpenRefusals(p.site(), []atoll.Key{p.key(), p.key(), p.key()})
		p.hear("open", ids, err)
		n, err := r.CountRefusals()
		p.hear("count refusals", n, err)
	case 15:
		bucket, after := p.lane(), p.word()
		its, err := r.Scan(bucket, after, p.limit(), p.IntN(2) == 0)
		p.hear(fmt.Sprintf("scan %s after %q", bucket, after), its, err)
		v, err := r.Get(bucket, after)
		p.hear("get", v, err)
	case 16:
		p.rows(r)
	case 17:
		sums, err := r.Digests(p.audience(), p.limit())
		p.hear("digests", sums, err)
	case 18:
		sealed, err := r.Sealed(atoll.Position(p.IntN(80)), p.limit())
		p.hear("sealed", sealed, err)
		seal, err := r.Seal(p.key())
		p.hear("seal", seal, err)
	}
}

func (p *player) rows(r storage.Reader) {
	q := storage.RowQuery{Type: p.typ(), Fields: []string{"n", "name", "list", "never"}, Where: p.index()}
	most := 1 + p.IntN(30)
	var got []string
	err := r.Rows(q, func(row storage.Row) error {
		values := []string{string(row.ID)}
		for _, v := range row.Values {
			values = append(values, string(v))
		}
		got = append(got, strings.Join(values, " "))
		if len(got) == most {
			return errOurs
		}
		return nil
	})
	p.hear(fmt.Sprint("rows ", q), slices.Clip(got), err)
}
