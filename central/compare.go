package central

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/verify"
)

// maxComparing is how many sites are compared with at the same time: each reads all
// that its site is to have.
const maxComparing = 2

// Compare answers a site that looks for the rows that differ; see
// exchange.Comparer.
func (c *Centre) Compare(ctx context.Context, site atoll.SiteID, q exchange.Comparison) (exchange.Compared, error) {
	if err := checkComparison(q); err != nil {
		return exchange.Compared{}, err
	}
	if q.Outcome != nil {
		return exchange.Compared{}, c.compared(ctx, site, *q.Outcome)
	}
	select {
	case c.comparing <- struct{}{}:
		defer func() { <-c.comparing }()
	default:
		return exchange.Compared{}, atoll.Errorf(atoll.Busy, "the central server compares with other sites just now").Do("it is tried again by itself")
	}
	m := &comparing{centre: c, site: site, q: q}
	err := c.Store.View(ctx, m.run)
	if err != nil || !q.Repair || !slices.ContainsFunc(m.out.Rows, acts) {
		return m.out, err
	}
	err = c.commits.do(ctx, m.repair)
	return m.out, err
}

// acts reports whether the centre has a part in what the verdict says.
func acts(v exchange.CompareVerdict) bool {
	switch verify.Verdict(v.Verdict) {
	case verify.Take, verify.Drop, verify.Mend:
		return true
	case verify.Same, verify.UnderWay, verify.Spared, verify.Give, verify.Open:
		return false
	}
	return false
}

// checkComparison bounds a question, before anything is read for it (R-K-58).
func checkComparison(q exchange.Comparison) error {
	rows := 0
	for _, l := range q.Leaves {
		if b, err := verify.ParsePrefix(l.Prefix); err != nil || len(b) != verify.Depth {
			return atoll.Errorf(atoll.Invalid, "%.20q is no leaf of a comparison", l.Prefix).On("leaves")
		}
		for _, r := range l.Rows {
			if rows++; len(r.Type) > exchange.MaxText || !r.ID.Valid() || len(r.Sum) > exchange.MaxText {
				return atoll.Errorf(atoll.Invalid, "a row of the comparison is not well formed").On("leaves")
			}
		}
	}
	if len(q.Nodes) > exchange.MaxCompareNodes || len(q.Leaves) > exchange.MaxCompareRows || rows > exchange.MaxCompareRows {
		return atoll.Errorf(atoll.TooLarge, "a comparison asks about %d nodes, %d leaves and %d rows at once; the limits are %d, %d and %d",
			len(q.Nodes), len(q.Leaves), rows, exchange.MaxCompareNodes, exchange.MaxCompareRows, exchange.MaxCompareRows)
	}
	return nil
}

// comparing is the answer to one question in the making.
type comparing struct {
	centre   *Centre
	site     atoll.SiteID
	q        exchange.Comparison
	t        *topology.Topology
	entitled []atoll.Audience
	history  *history
	pending  map[atoll.Key]bool                 // lines of their own are on their way to the site
	leftOut  map[atoll.SiteID]map[uint64]string // entries of sites that were asked about that a person left out for good, and how
	out      exchange.Compared
}

func (m *comparing) run(r storage.Reader) error {
	m.out = exchange.Compared{}
	if err := m.begin(r); err != nil || m.out.Not != "" {
		return err
	}
	var prefixes [][]byte // that are of interest
	for _, n := range m.q.Nodes {
		b, err := verify.ParsePrefix(n.Prefix)
		if err != nil {
			return err
		}
		prefixes = append(prefixes, b)
	}
	for _, l := range m.q.Leaves {
		b, err := verify.ParsePrefix(l.Prefix)
		if err != nil {
			return err
		}
		prefixes = append(prefixes, b)
	}
	if m.q.All != "" {
		prefixes = [][]byte{{}}
	}
	rows, err := m.rows(r, prefixes)
	if err != nil {
		return err
	}
	if m.q.All != "" {
		all := verify.All(rows)
		m.out.Records, m.out.Equal = all.Count, all.Short() == m.q.All
	}
	for _, n := range m.q.Nodes {
		b, err := verify.ParsePrefix(n.Prefix)
		if err != nil {
			return err
		}
		apart, err := verify.Apart(b, verify.Parts(rows, b), n.Sums)
		if err != nil {
			return err
		}
		m.out.Apart = append(m.out.Apart, apart...)
	}
	for _, l := range m.q.Leaves {
		if err := m.leaf(r, l, rows); err != nil {
			return err
		}
	}
	return nil
}

// begin sees whether the site and this database speak of the same.
func (m *comparing) begin(r storage.Reader) error {
	s, err := State(r, m.site)
	if err != nil {
		return err
	}
	life, err := loadLife(r)
	if err != nil {
		return err
	}
	if m.t, err = m.centre.Door.Topology(r); err != nil {
		return err
	}
	known, err := r.Head(m.site)
	if err != nil {
		return err
	}
	m.entitled = m.t.Subscription(m.site)
	if m.out.Position, err = r.LastPosition(); err != nil {
		return err
	}
	switch {
	case s.Timeline != m.q.Timeline:
		m.out.Not = "another database is known as this site's"
	case s.Paused != "":
		m.out.Not = "the site is paused"
	case life.run() != m.q.Run || m.q.Applied > m.out.Position || m.q.Acknowledged > known.Seq:
		m.out.Not = "the central server was started anew since the last exchange"
	case exchange.DigestAudiences(m.entitled) != m.q.Subscription:
		m.out.Not = "what the site is to have is changing"
	}
	m.history = m.centre.historyFor(r, m.t, s, false)
	m.pending, m.leftOut = map[atoll.Key]bool{}, map[atoll.SiteID]map[uint64]string{}
	lines, err := r.Feed(atoll.SiteAudience(m.site), m.q.Applied, 0, 0)
	for _, l := range lines {
		m.pending[l.Key] = true
	}
	return err
}

func (m *comparing) due(rec atoll.Record) bool { return m.first(rec) != "" }

// first is the first of the record's audiences that the site reads, "" if there is
// none.
func (m *comparing) first(rec atoll.Record) atoll.Audience {
	for _, a := range rec.Audiences {
		if _, in := slices.BinarySearch(m.entitled, a); in {
			return a
		}
	}
	return ""
}

// rows are those that the site is to have, each once, below one of the prefixes. It
// follows the lines of the feed, so that a line without a record is a record less.
func (m *comparing) rows(r storage.Reader, prefixes [][]byte) (out []verify.Leaf, err error) {
	for _, a := range m.entitled {
		for after := atoll.Position(0); ; {
			lines, err := r.Feed(a, after, 0, 1000)
			if err != nil {
				return nil, err
			}
			if len(lines) == 0 {
				break
			}
			for _, l := range lines {
				after = l.Position // of one audience, each position has one line
				path := verify.PathOf(l.Key)
				if l.Gone || !slices.ContainsFunc(prefixes, path.Under) {
					continue
				}
				rec, err := r.Record(l.Key)
				if errors.Is(err, atoll.NotFound) {
					continue
				}
				if err != nil {
					return nil, err
				}
				if rec.Position == l.Position && m.first(rec) == a {
					out = append(out, verify.LeafOf(rec))
				}
			}
		}
	}
	return out, nil
}

// leaf gives a verdict on each row of one leaf that is not the same on both ends.
func (m *comparing) leaf(r storage.Reader, l exchange.CompareLeaf, rows []verify.Leaf) error {
	prefix, err := verify.ParsePrefix(l.Prefix)
	if err != nil {
		return err
	}
	said := map[atoll.Key]bool{}
	for _, row := range l.Rows {
		key := atoll.Key{Type: row.Type, ID: row.ID}
		if !verify.PathOf(key).Under(prefix) {
			return atoll.Errorf(atoll.Invalid, "%s does not stand at %s", key, l.Prefix).On("leaves")
		}
		said[key] = true
		if err := m.judge(r, row); err != nil {
			return err
		}
	}
	for _, have := range rows {
		if !have.Path.Under(prefix) || said[have.Key] {
			continue
		}
		if err := m.judge(r, exchange.CompareRow{Type: have.Key.Type, ID: have.Key.ID}); err != nil {
			return err
		}
	}
	return nil
}

func (m *comparing) judge(r storage.Reader, row exchange.CompareRow) error {
	v, err := m.verdict(r, row)
	if err != nil {
		return err
	}
	if v.Verdict != string(verify.Same) {
		m.out.Rows = append(m.out.Rows, v)
	}
	return nil
}

// verdict looks at one row here, beside the site's.
func (m *comparing) verdict(r storage.Reader, row exchange.CompareRow) (v exchange.CompareVerdict, err error) {
	key := atoll.Key{Type: row.Type, ID: row.ID}
	v = exchange.CompareVerdict{Type: row.Type, ID: row.ID}
	here := verify.Here{
		Shown: row.Sum != "", Spoiled: row.Spoiled, Deleted: row.Deleted, UnderWay: row.Waiting || row.Unsent && !row.Spoiled, Made: row.Origin.Site == m.site,
	}
	var there verify.There
	rec, err := r.Record(key)
	switch {
	case errors.Is(err, atoll.NotFound):
		if row.Origin != (atoll.Origin{}) {
			was, err := m.centre.Door.Mended(r, key, row.Origin)
			there.Told = err == nil && short(was) == row.Sum
		}
		err = nil
	case err == nil:
		there.Has, there.Due, there.Deleted = true, m.due(rec), rec.Deleted
		there.UnderWay = rec.Position > m.q.Applied
		v.Origin, v.Version, v.Sum = rec.Origin, rec.Version, short(rec)
		var seal digest.Row
		if seal, err = r.Seal(key); err != nil {
			return v, err
		}
		if there.Whole = seal == digest.Of(rec); !there.Whole {
			_, err := m.centre.Door.Mended(r, key, row.Origin)
			there.Told = err == nil
		} else if owner, err := m.centre.Door.Owner(r, rec); err == nil {
			there.Owned = owner.Site == m.site
		}
	}
	if err != nil {
		return v, err
	}
	if row.Aside && !there.Due {
		v.Verdict = string(verify.Same)
		return v, nil
	}
	if m.pending[key] {
		there.UnderWay = true
	}
	// What the centre has never heard of, or lost when it was restored, comes from who
	// made it.
	if row.Origin != (atoll.Origin{}) && !row.Spoiled {
		maker, err := r.Head(row.Origin.Site)
		if err != nil {
			return v, err
		}
		s, err := State(r, row.Origin.Site)
		if err != nil && !errors.Is(err, atoll.SiteUnknown) {
			return v, err
		}
		there.UnderWay = there.UnderWay || row.Origin.Seq > maker.Seq || s.lost(row.Origin.Seq)
	}
	if err := m.refused(r, key, row.Origin, &there); err != nil {
		return v, err
	}
	if m.history != nil && there.Has && !here.Shown {
		if _, there.Spared, err = m.history.around(rec, true, false); err != nil {
			return v, err
		}
	}
	v.Verdict = string(verify.Judge(there.Has && here.Shown && v.Sum == row.Sum, here, there))
	return v, nil
}

// refused sees what became of changes that were refused. While one waits, of this site or
// of the one that made the row, the row is under way. What a person skipped stands at its
// maker alone, as long as that does not change it, and is not offered again (R-K-42).
// Nothing that was left out is made here again from the copies of the journals because
// another site has it from before this database was restored.
func (m *comparing) refused(r storage.Reader, key atoll.Key, made atoll.Origin, there *verify.There) error {
	for _, site := range []atoll.SiteID{m.site, made.Site} {
		open, err := r.OpenRefusals(site, []atoll.Key{key})
		if err != nil {
			return err
		}
		there.UnderWay = there.UnderWay || len(open) > 0
	}
	if made == (atoll.Origin{}) || there.UnderWay {
		return nil
	}
	state, err := m.left(r, made)
	switch {
	case err != nil:
		return err
	case made.Site == m.site:
		there.UnderWay = state == storage.Skipped
	case state != "":
		// Nor does it become the word of whoever owns the record, who only read it.
		there.Owned = false
		there.Told = there.Told && there.Has
	}
	return nil
}

// left is how a person left an entry out for good, "" if nobody did.
func (m *comparing) left(r storage.Reader, at atoll.Origin) (string, error) {
	of, known := m.leftOut[at.Site]
	if !known {
		var err error
		if of, err = leftOut(r, at.Site); err != nil {
			return "", err
		}
		m.leftOut[at.Site] = of
	}
	return of[at.Seq], nil
}

func short(r atoll.Record) string {
	row := digest.Of(r)
	return hex.EncodeToString(row[:8])
}

// repair does the centre's part for the rows asked about, each judged again in the
// transaction.
func (m *comparing) repair(tx storage.Tx) error {
	if err := m.begin(tx); err != nil || m.out.Not != "" {
		return err
	}
	rows := map[atoll.Key]exchange.CompareRow{}
	for _, l := range m.q.Leaves {
		for _, row := range l.Rows {
			rows[atoll.Key{Type: row.Type, ID: row.ID}] = row
		}
	}
	for i, before := range m.out.Rows {
		key := atoll.Key{Type: before.Type, ID: before.ID}
		row, ok := rows[key]
		if !ok {
			row = exchange.CompareRow{Type: key.Type, ID: key.ID}
		}
		v, err := m.verdict(tx, row)
		if err != nil {
			return err
		}
		if err := m.act(tx, row, &v); err != nil {
			return err
		}
		m.out.Rows[i] = v
	}
	return nil
}

func (m *comparing) act(tx storage.Tx, row exchange.CompareRow, v *exchange.CompareVerdict) error {
	key := atoll.Key{Type: v.Type, ID: v.ID}
	c := m.centre
	switch verify.Verdict(v.Verdict) {
	case verify.Take, verify.Drop:
		if err := c.Door.Return(tx, m.site, key); err != nil {
			return err
		}
		v.Done = true
	case verify.Mend:
		was, err := c.Door.Mend(tx, key, row.Origin)
		if err != nil {
			v.Words = err.Error()
			return nil //nolint:nilerr // what cannot be mended is told, and stops nothing else
		}
		v.Done, v.Origin, v.Version = true, was.Origin, was.Version
	case verify.Same, verify.UnderWay, verify.Spared, verify.Give, verify.Open:
		return nil
	}
	return c.logRepair(tx, verify.Repair{
		At: c.Now(), Site: m.site, Record: key.String(), Verdict: v.Verdict, Had: row.Sum, Has: v.Sum, Origin: v.Origin,
		Why: "compared with site " + m.site.String(),
	})
}

// logRepair keeps what was done about a row.
func (c *Centre) logRepair(tx storage.Tx, r verify.Repair) error {
	c.Log.Warn("a record was not the same on both ends and is repaired", "record", r.Record, "verdict", r.Verdict, "site", r.Site, "why", r.Why)
	return verify.Log(tx, r)
}

// compared remembers what a site's comparison came to.
func (c *Centre) compared(ctx context.Context, site atoll.SiteID, o exchange.Outcome) error {
	return c.change(ctx, site, func(s *SiteState) error {
		s.Compared, s.Outcome = c.Now(), o
		s.Orders = slices.DeleteFunc(s.Orders, func(o string) bool { return o == orderVerify || o == orderRepair })
		return nil
	})
}

// Verify asks the site to compare all it holds with this database at its next
// exchange, and to repair what differs if so ordered (R-M-02).
func (c *Centre) Verify(ctx context.Context, actor string, site atoll.SiteID, repair bool) error {
	order := orderVerify
	if repair {
		order = orderRepair
	}
	return c.order(ctx, actor, site, order, nil, func(s *SiteState) error {
		s.Orders = slices.DeleteFunc(s.Orders, func(o string) bool { return o == orderVerify || o == orderRepair })
		s.Orders = append(s.Orders, order)
		return nil
	})
}

// Comparison is what the centre knows of the last comparison with a site.
type Comparison struct {
	Site    atoll.SiteID     `json:"site"`
	At      time.Time        `json:"at,omitzero"`
	Outcome exchange.Outcome `json:"outcome"`
	Ordered bool             `json:"ordered,omitempty"` // it is asked to compare again
}

// Comparison returns it.
func (c *Centre) Comparison(ctx context.Context, site atoll.SiteID) (out Comparison, err error) {
	err = c.Store.View(ctx, func(r storage.Reader) error {
		s, err := State(r, site)
		out = Comparison{site, s.Compared, s.Outcome, slices.Contains(s.Orders, orderVerify) || slices.Contains(s.Orders, orderRepair)}
		return err
	})
	return out, err
}

// Comparisons returns that of every site, by number.
func (c *Centre) Comparisons(ctx context.Context) (out []Comparison, err error) {
	err = c.Store.View(ctx, func(r storage.Reader) error {
		out = []Comparison{}
		all, err := storage.Listed[SiteState](r, shelfSites, "", 0, false)
		for _, s := range all {
			out = append(out, Comparison{s.Site, s.Compared, s.Outcome, slices.Contains(s.Orders, orderVerify) || slices.Contains(s.Orders, orderRepair)})
		}
		return err
	})
	return out, err
}
