package central

import (
	"bytes"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// arrival is an entry as it came. Whatever can be told from its bytes alone is told
// before the transaction, in which others would wait for it.
type arrival struct {
	exchange.Entry
	digest atoll.Hash
	entry  *atoll.Entry
	err    error // why the content cannot be read
}

func arrive(e exchange.Entry) arrival {
	a := arrival{Entry: e, digest: atoll.Digest(e.Content)}
	a.entry, a.err = atoll.DecodeEntry(e.Content)
	return a
}

// readAhead is of how many records at least what they are judged by is read together.
const readAhead = 500

// brief reports whether a batch is that of a visitor with little to say. What it is
// judged by is read together with what others are that share the commit.
func brief(batch []arrival) bool {
	return len(batch) == 1 && (batch[0].err != nil || len(batch[0].entry.Operations) < 4)
}

// judgedBy returns the keys of the first entries' records, and of what they name: that
// is what each is judged by. It returns how many entries those are.
func (c *Centre) judgedBy(batch []arrival) (keys []atoll.Key, entries int) {
	named := map[atoll.Key]bool{}
	for _, a := range batch {
		if len(keys) >= readAhead {
			break
		}
		entries++
		if a.err != nil {
			continue
		}
		for _, op := range a.entry.Operations {
			keys = append(keys, op.Key)
			for _, ref := range c.Door.Judge.Catalogue.References(op.Type, op.Fields) {
				key := atoll.Key{Type: ref.To, ID: ref.ID}
				if (ref.Required || ref.Parent) && !named[key] {
					named[key] = true
					keys = append(keys, key)
				}
			}
		}
	}
	return keys, entries
}

// admitted is what became of the records of a site's entries.
type admitted struct {
	made []atoll.Key
	// written are those that now are as the site itself wrote them, with the position
	// of that: the answer need not say so (R-A-12).
	written map[atoll.Key]atoll.Position
}

// admit takes a batch of the site's entries: each is applied whole, known
// already, or quarantined whole (rule 5 of the design). The copy of the site's
// journal grows by every one of them, so that the chain goes on.
func (c *Centre) admit(tx storage.Tx, h exchange.Hello, batch []arrival, receipt *exchange.Receipt, of *admitted) error {
	head, err := tx.Head(h.Site)
	if err != nil {
		return err
	}
	known := head.Seq
	ahead := 0
	for i, e := range batch {
		if i == ahead && !brief(batch) {
			keys, n := c.judgedBy(batch[i:])
			if err := tx.Prefetch(keys); err != nil {
				return err
			}
			ahead += n
		}
		receipt.Offered++
		if e.Seq <= head.Seq {
			if err := c.duplicate(tx, h, e); err != nil {
				return err
			}
			receipt.Duplicate++
			continue
		}
		if e.Seq != head.Seq+1 {
			receipt.Offered-- // it is not taken: the site sends again from where we are
			if h.Acknowledged.Seq > head.Seq {
				break // we were restored, and said so in Welcome.Known
			}
			return atoll.Errorf(atoll.WrongChain, "entry %d of site %d came where %d was due", e.Seq, h.Site, head.Seq+1)
		}
		je := storage.JournalEntry{Site: h.Site, Timeline: h.TimelineOf(e.Seq), Seq: e.Seq, Received: c.Now(), Content: e.Content}
		je.Hash = atoll.Chain(head.Hash, je.Site, je.Timeline, je.Seq, e.digest)
		if e.Seq == h.Head.Seq && je.Hash != h.Head.Hash {
			return atoll.Errorf(atoll.WrongChain, "entry %d of site %d does not have the hash the site says it has", e.Seq, h.Site)
		}
		refusal, err := c.take(tx, je, e, of)
		if err != nil {
			return err
		}
		if refusal == nil {
			receipt.Applied++
		} else {
			receipt.Quarantined++
			receipt.Refusals = append(receipt.Refusals, *refusal)
		}
		head = atoll.Head{Timeline: je.Timeline, Seq: je.Seq, Hash: je.Hash}
	}
	receipt.Acknowledged = head
	if len(batch) > 0 {
		if err := c.retryWaiting(tx, h.Site); err != nil {
			return err
		}
	}
	if err := c.retryOthers(tx, h.Site, of.made); err != nil {
		return err
	}
	open, err := tx.CountRefusals()
	if receipt.Open = open[h.Site]; err != nil || receipt.Open == 0 || len(batch) == 0 || batch[0].Seq > known {
		return err
	}
	return toldAgain(tx, h.Site, batch[0].Seq, known, receipt)
}

// toldAgain adds to the receipt of entries that came again what was refused of
// them: the site may never have got the first answer (R-K-43).
func toldAgain(tx storage.Tx, site atoll.SiteID, from, to uint64, receipt *exchange.Receipt) error {
	refused, err := tx.Refusals(site, true, 0, 0)
	if err != nil {
		return err
	}
	for _, r := range refused {
		if r.Seq >= from && r.Seq <= to {
			receipt.Refusals = append(receipt.Refusals, *told(r))
		}
	}
	return nil
}

// duplicate makes sure that an entry sent again is the entry we have.
func (c *Centre) duplicate(tx storage.Tx, h exchange.Hello, e arrival) error {
	have, err := tx.Entry(h.Site, e.Seq)
	if err != nil {
		return err
	}
	if !bytes.Equal(have.Content, e.Content) && atoll.Digest(have.Content) != e.digest {
		return atoll.Errorf(atoll.Cloned, "entry %d of site %d came again with other content", e.Seq, h.Site).
			Do("two databases have worked as this site; export the unsent work of this one and re-initialise it")
	}
	return nil
}

// take applies one new entry, and notes its records; or quarantines it and says why.
func (c *Centre) take(tx storage.Tx, je storage.JournalEntry, a arrival, of *admitted) (*exchange.Refusal, error) {
	if a.err != nil {
		return c.quarantine(tx, je, nil, &admit.Refusal{Layer: admit.LayerSchema, Err: asError(a.err)}, 0)
	}
	e := a.entry
	if !e.Withheld.IsZero() {
		return nil, c.Door.Copy(tx, je) // it stays at its site; the chain goes on
	}
	behind, key, err := c.heldBehind(tx, je.Site, e.Operations)
	if err != nil {
		return nil, err
	}
	if behind != 0 {
		return c.quarantine(tx, je, e.Operations, &admit.Refusal{Layer: admit.LayerChain, Key: key, Err: atoll.Errorf(atoll.HeldBehind,
			"an earlier change of the same record waits in quarantine (refusal %d)", behind).About(key)}, behind)
	}
	t, err := c.Door.Topology(tx)
	if err != nil {
		return nil, err
	}
	if refusal := c.mustStay(e.Operations); refusal != nil {
		return c.quarantine(tx, je, e.Operations, refusal, 0)
	}
	changes, err := c.judge(tx, t, atoll.Origin{Site: je.Site, Seq: je.Seq}, e.Operations)
	var refusal *admit.Refusal
	if errors.As(err, &refusal) {
		if err := c.buildsOnLost(tx, je.Site, e.Operations, refusal, true); err != nil {
			return nil, err
		}
		return c.quarantine(tx, je, e.Operations, refusal, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := c.Door.Accept(tx, je, changes); err != nil {
		return nil, err
	}
	for _, change := range changes {
		key := change.Op.Key
		if change.Before == nil {
			of.made = append(of.made, key)
		}
		now, err := tx.Record(key) // as it was just written: the transaction remembers it
		if err != nil {
			return nil, err
		}
		if now.Origin.Site == je.Site {
			of.written[key] = now.Position
		}
	}
	return nil, c.fetchAsked(tx, je.Site, changes)
}

// buildsOnLost sees whether the refused operation builds on a version that was lost
// here: one of the site's (SiteState.Lost), or one that the centre made itself of a
// record that is the site's, such as a message, after the backup it was restored
// from. The histories have not parted then: the entry waits until the site has stated
// the record again, and is not answered with the true state, which is the site's. Ask
// has the site do so, where nothing else does.
func (c *Centre) buildsOnLost(tx storage.Tx, site atoll.SiteID, ops []atoll.Operation, refusal *admit.Refusal, ask bool) error {
	s, err := State(tx, site)
	if err != nil && !errors.Is(err, atoll.SiteUnknown) { // it may have been deleted since
		return err
	}
	for _, op := range ops {
		if refusal.Err.Code == atoll.BaseVersion && op.Key == refusal.Key && op.Base.Site == site && s.lost(op.Base.Seq) {
			refusal.Layer = admit.LayerReference
			refusal.Err = atoll.Errorf(atoll.Reference, "the change builds on entry %s, which is lost here", op.Base).
				About(op.Key).Do("the site sends the record again by itself")
			continue
		}
		if op.Key != refusal.Key || op.Verb == atoll.Restate || refusal.Err.Code != atoll.BaseVersion && refusal.Err.Code != atoll.Reference {
			continue
		}
		gone, err := c.lostOwn(tx, op.Base, op.Key)
		if err != nil || gone == present {
			return err
		}
		refusal.Layer = admit.LayerReference
		refusal.Err = atoll.Errorf(atoll.Reference, "the change builds on entry %s of the centre's own, which is lost here", op.Base).
			About(op.Key).Do("the site sends the record again by itself")
		if ask && gone == lost && s.Site != 0 && !slices.Contains(s.Orders, orderResend) {
			s.Orders, s.Told = append(s.Orders, orderResend), 0
			if err := s.save(tx); err != nil {
				return err
			}
		}
	}
	return nil
}

// loss says whether an entry of the centre's own is lost.
type loss int

const (
	present loss = iota // it is here, or is nobody's
	beyond              // it is above the end: perhaps this database was restored, and no voucher has shown it yet
	lost                // this database was restored, and a voucher has shown that the number was given
)

// lostOwn says whether the entry, which made a version of the record, is one of the
// centre's own that was lost. No site can make any number count as lost: if it could,
// what it then states of its records would be believed.
func (c *Centre) lostOwn(tx storage.Tx, of atoll.Origin, key atoll.Key) (loss, error) {
	if of.Site != c.Door.Site {
		return present, nil
	}
	l, err := loadLife(tx)
	if err != nil {
		return present, err
	}
	within := func(s Span) bool { return of.Seq >= s.From && of.Seq <= s.To }
	if slices.ContainsFunc(l.Lost, within) {
		return lost, nil
	}
	if slices.ContainsFunc(l.Twice, within) {
		je, err := tx.Entry(of.Site, of.Seq)
		if err != nil {
			return present, err
		}
		e, err := atoll.DecodeEntry(je.Content)
		if err != nil || slices.ContainsFunc(e.Operations, func(o atoll.Operation) bool { return o.Key == key }) {
			return present, err
		}
		return lost, nil
	}
	own, err := tx.Head(of.Site)
	if err == nil && of.Seq > own.Seq {
		return beyond, nil
	}
	return present, err
}

// mustStay refuses what should never have left its site (R-B-76).
func (c *Centre) mustStay(ops []atoll.Operation) *admit.Refusal {
	for _, op := range ops {
		def, known := c.Door.Judge.Catalogue.Lookup(op.Type)
		if op.Stays || known && def.Class == catalogue.Local {
			return &admit.Refusal{Layer: admit.LayerSchema, Key: op.Key, Err: atoll.Errorf(atoll.Schema,
				"data that stays at its site was sent").About(op.Key)}
		}
	}
	return nil
}

// heldBehind returns the open refusal that one of the operations must wait for,
// 0 if none, and the record they share. Without open refusals of the site it
// costs one look.
func (c *Centre) heldBehind(tx storage.Tx, site atoll.SiteID, ops []atoll.Operation) (int64, atoll.Key, error) {
	keys := keysOf(ops)
	open, err := tx.OpenRefusals(site, keys)
	if err != nil {
		return 0, atoll.Key{}, err
	}
	for _, op := range ops {
		id, ok := open[op.Key]
		if !ok || !op.Withheld.IsZero() {
			continue
		}
		// A change that builds on what stands here does not build on what was refused:
		// the site has taken the true record back since, or has made one again of which
		// it was told that there is none.
		now, _, err := viewOf(tx).Record(op.Key)
		if err != nil {
			return 0, op.Key, err
		}
		if op.Base != now.Origin {
			return id, op.Key, nil
		}
	}
	return 0, atoll.Key{}, nil
}

// returned reports whether a refusal sends the site the true records: when it had
// no right to change them, or its history of them has parted from ours.
func returned(layer string, code atoll.Code) bool {
	return layer == admit.LayerOwnership || code == atoll.BaseVersion
}

// giveBack has the site of a refused entry hear how every record of it truly is.
func (c *Centre) giveBack(tx storage.Tx, r storage.Refusal) error {
	for _, key := range r.Keys {
		if err := c.Door.Return(tx, r.Site, key); err != nil {
			return err
		}
	}
	return nil
}

// quarantine keeps the entry whole, with the reason, and lets the site know. A
// record the site had no right to change is sent back to it as it truly is, so
// that both agree again (R-F-09).
func (c *Centre) quarantine(tx storage.Tx, je storage.JournalEntry, ops []atoll.Operation, why *admit.Refusal, behind int64) (*exchange.Refusal, error) {
	if err := c.Door.Copy(tx, je); err != nil {
		return nil, err
	}
	r := storage.Refusal{
		Site: je.Site, Timeline: je.Timeline, Seq: je.Seq, Code: why.Err.Code, Layer: why.Layer, Message: c.tell(tx, je.Site, ops, why),
		Reason: why.Err.Why(), Subject: why.Key, Field: why.Err.Field, Behind: behind, Keys: keysOf(ops), Content: je.Content, At: c.Now(), State: storage.Open,
	}
	if _, err := tx.Refuse(r); err != nil {
		return nil, err
	}
	back := returned(why.Layer, why.Err.Code)
	if behind != 0 {
		first, err := tx.Refusal(behind)
		if err != nil {
			return nil, err
		}
		// The site may have made this change before the truth reached it.
		back = returned(first.Layer, first.Code)
		// The source changed: what was given up on is worth trying again (R-K-40).
		if first.Attempts >= maxAttempts {
			first.Attempts = maxAttempts - 1
			if err := tx.Settle(first); err != nil {
				return nil, err
			}
		}
	}
	if back {
		for _, op := range ops {
			if !op.Withheld.IsZero() {
				continue
			}
			if err := c.Door.Return(tx, je.Site, op.Key); err != nil {
				return nil, err
			}
		}
	}
	return told(r), nil
}

// told is what the site hears of a refusal.
func told(r storage.Refusal) *exchange.Refusal {
	return &exchange.Refusal{
		Seq: r.Seq, Code: r.Code, Layer: r.Layer, Message: r.Message, Reason: r.Reason, Type: r.Subject.Type, ID: r.Subject.ID, Field: r.Field,
	}
}

func keysOf(ops []atoll.Operation) []atoll.Key {
	keys := make([]atoll.Key, 0, len(ops))
	for _, op := range ops {
		if op.Withheld.IsZero() {
			keys = append(keys, op.Key)
		}
	}
	return keys
}

func asError(err error) *atoll.Error {
	var e *atoll.Error
	if errors.As(err, &e) {
		return e
	}
	return atoll.Errorf(atoll.Invalid, "%w", err)
}
