package site

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// comparison is one walk down the tree.
type comparison struct {
	site *Site
	ask  exchange.Comparison // where we stand
	rows map[atoll.Key]*mine
	tree []verify.Leaf
	out  Verified
	at   atoll.Position // of the centre's answers
	link link
}

// mine is a row as it is here.
type mine struct {
	row  exchange.CompareRow
	path verify.Path
}

// compare finds the rows that differ.
func (m *comparison) compare(ctx context.Context) error {
	if err := m.site.Store.View(ctx, m.read); err != nil {
		return err
	}
	m.out.Records = len(m.tree)
	all := verify.All(m.tree)
	q := m.ask
	q.All, q.Records = all.Short(), all.Count
	answer, err := m.send(ctx, q)
	if err != nil || m.out.Not != "" || answer.Equal {
		return err
	}
	branches, err := m.apart(ctx, []string{""})
	if err != nil || m.out.Not != "" {
		return err
	}
	leaves, err := m.apart(ctx, branches)
	if err != nil || m.out.Not != "" {
		return err
	}
	return m.judge(ctx, leaves, false)
}

// read takes in everything here that both ends should have, on one snapshot.
func (m *comparison) read(r storage.Reader) error {
	m.rows, m.tree = map[atoll.Key]*mine{}, nil
	l, err := loadLink(r)
	if err != nil {
		return err
	}
	m.link = l
	s := m.site
	head, err := r.Head(s.Door.Site)
	if err != nil {
		return err
	}
	m.ask = exchange.Comparison{
		Timeline: head.Timeline, Run: l.run(), Subscription: exchange.DigestAudiences(l.Covered), Applied: l.Applied, Acknowledged: l.Acknowledged.Seq,
	}
	covered := map[atoll.Audience]bool{}
	for _, a := range l.Covered {
		covered[a] = true
	}
	for after := atoll.Position(0); ; {
		page, err := r.Sealed(after, 1000)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, sealed := range page {
			rec := sealed.Record
			after = rec.Position
			// What was made here and is under no audience stays here. The centre may have it as
			// it was before its store kept it to itself, and must hear that this is newer.
			stays := len(rec.Audiences) == 0
			if rec.Hidden || stays && rec.Origin.Site != s.Door.Site {
				continue
			}
			leaf := verify.LeafOf(rec)
			aside := !slices.ContainsFunc(rec.Audiences, func(a atoll.Audience) bool { return covered[a] })
			m.rows[rec.Key] = &mine{exchange.CompareRow{
				Type: rec.Type, ID: rec.ID, Sum: hex.EncodeToString(leaf.Sum[:8]), Origin: rec.Origin, Spoiled: leaf.Sum != sealed.Seal,
				Unsent: rec.Origin.Site == s.Door.Site && (rec.Origin.Seq > l.Acknowledged.Seq || stays), Deleted: rec.Deleted, Aside: aside,
			}, leaf.Path}
			if !aside {
				m.tree = append(m.tree, leaf)
			}
		}
	}
	return m.waiting(r)
}

// waiting marks what has arrived and is not a record yet.
func (m *comparison) waiting(r storage.Reader) error {
	lanes, err := r.CountStaged()
	if err != nil {
		return err
	}
	for lane := range lanes {
		if lane != integrate.LaneNormal && lane != integrate.LaneWaiting {
			continue // an audience that is not covered yet
		}
		err := storage.EachStaged(r, lane, func(it storage.StagedItem) error {
			if m.rows[it.Key] == nil {
				m.rows[it.Key] = &mine{exchange.CompareRow{Type: it.Key.Type, ID: it.Key.ID, Aside: true}, verify.PathOf(it.Key)}
			}
			m.rows[it.Key].row.Waiting = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// send asks one question.
func (m *comparison) send(ctx context.Context, q exchange.Comparison) (exchange.Compared, error) {
	answer, err := m.site.Comparer.Compare(ctx, m.site.Door.Site, q)
	if err != nil {
		return answer, err
	}
	m.out.Not, m.at = answer.Not, answer.Position
	return answer, nil
}

// apart asks which parts of the nodes differ.
func (m *comparison) apart(ctx context.Context, nodes []string) (out []string, err error) {
	for batch := range slices.Chunk(nodes, exchange.MaxCompareNodes) {
		q := m.ask
		for _, n := range batch {
			prefix, err := verify.ParsePrefix(n)
			if err != nil {
				return nil, err
			}
			q.Nodes = append(q.Nodes, exchange.CompareNode{Prefix: n, Sums: verify.Parts(m.tree, prefix)})
		}
		answer, err := m.send(ctx, q)
		if err != nil || answer.Not != "" {
			return nil, err
		}
		out = append(out, answer.Apart...)
	}
	return out, nil
}

// judge asks about the rows of the leaves that differ, and has the centre do its
// part if so asked.
func (m *comparison) judge(ctx context.Context, leaves []string, repair bool) error {
	below := map[string][]exchange.CompareRow{}
	for _, r := range m.rows {
		prefix := hex.EncodeToString(r.path[:])
		below[prefix] = append(below[prefix], r.row)
	}
	q, n := m.ask, 0
	flush := func() error {
		if len(q.Leaves) == 0 {
			return nil
		}
		q.Repair = repair
		answer, err := m.send(ctx, q)
		if err != nil || answer.Not != "" {
			return err
		}
		q, n = m.ask, 0
		m.note(answer.Rows)
		return nil
	}
	for _, prefix := range leaves {
		rows := below[prefix]
		if n+len(rows) > exchange.MaxCompareRows || len(q.Leaves) >= exchange.MaxCompareRows {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(rows) > exchange.MaxCompareRows {
			rows = rows[:exchange.MaxCompareRows] // the rest is found when these agree
		}
		q.Leaves = append(q.Leaves, exchange.CompareLeaf{Prefix: prefix, Rows: rows})
		n += len(rows)
	}
	return flush()
}

// note takes the verdicts.
func (m *comparison) note(rows []exchange.CompareVerdict) {
	for _, v := range rows {
		verdict := verify.Verdict(v.Verdict)
		switch verdict {
		case verify.UnderWay:
			m.out.UnderWay++
		case verify.Spared:
			m.out.Spared++
		case verify.Same:
		case verify.Take, verify.Give, verify.Drop, verify.Mend, verify.Open:
			key := atoll.Key{Type: v.Type, ID: v.ID}
			r := verify.Repair{
				At: m.site.Now(), Site: m.site.Door.Site, Record: key.String(), Verdict: v.Verdict, Has: v.Sum, Origin: v.Origin, Why: "compared with the centre",
			}
			if v.Words != "" {
				r.Why += ": " + v.Words
			}
			if have := m.rows[key]; have != nil {
				r.Had = have.row.Sum
			}
			m.out.Rows = append(m.out.Rows, r)
		}
	}
}

// repair does this site's part and has the centre do its own: what was found is
// judged again, from where both are now.
func (m *comparison) repair(ctx context.Context) error {
	var leaves []string
	for _, r := range m.out.Rows {
		if key, ok := handover.ParseKey(r.Record); ok {
			path := verify.PathOf(key)
			leaves = append(leaves, hex.EncodeToString(path[:]))
		}
	}
	slices.Sort(leaves)
	found := m.out.Rows
	m.out.Rows = nil
	if err := m.judge(ctx, slices.Compact(leaves), true); err != nil {
		return err
	}
	todo := m.out.Rows
	m.out.Rows = found
	if m.out.Not != "" {
		return nil
	}
	s := m.site
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		var give []journal.Proposal
		for _, r := range todo {
			key, ok := handover.ParseKey(r.Record)
			if !ok {
				continue
			}
			if verify.Verdict(r.Verdict) == verify.Give {
				give = append(give, journal.Proposal{Key: key})
			}
			s.Log.WarnContext(ctx, "a record is not the same at the central server and is repaired", "record", r.Record, "verdict", r.Verdict)
			if err := verify.Log(tx, r); err != nil {
				return err
			}
		}
		for batch := range slices.Chunk(give, 500) {
			_, err := s.Door.Restate(tx, journal.Edit{Actor: "atoll", Cause: atoll.Cause{Kind: "repair", Ref: "verify"}, Do: batch})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// conclude remembers what was found, and tells the centre.
func (m *comparison) conclude(ctx context.Context, out Verified) error {
	if out.Not != "" {
		return nil
	}
	err := m.site.Store.Update(ctx, func(tx storage.Tx) error {
		l, err := loadLink(tx)
		if err != nil {
			return err
		}
		l.Differing, l.Verify = out.Left(), ""
		l.Agreement.Looked, l.Agreement.LookedAt = l.Agreement.Ours+l.Agreement.Theirs, m.site.Now()
		held, err := journal.Held(tx, l.Covered)
		if err != nil {
			return err
		}
		// Every row was found to be as it should, at the very state that the digests are
		// of: what they differ by is no difference of rows. One that could not be compared
		// yet may be one.
		if len(m.out.Rows) == 0 && m.out.UnderWay == 0 && m.at == l.Applied && m.link.Agreement == l.Agreement.as(m.link.Agreement) && held.Short() == l.Agreement.Ours {
			l.Agreement.Between = l.Agreement.gap()
			l.Agreement.Since = time.Time{}
		}
		return l.save(tx)
	})
	if err != nil {
		return err
	}
	q := m.ask
	q.Outcome = &exchange.Outcome{Records: out.Records, Differing: len(out.Rows), Repaired: out.Repaired, UnderWay: out.UnderWay}
	if _, err := m.site.Comparer.Compare(ctx, m.site.Door.Site, q); err != nil && !errors.Is(err, atoll.NotFound) {
		return err
	}
	return nil
}
