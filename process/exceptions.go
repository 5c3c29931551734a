package process

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Exception is a document that could not be answered (R-D-52).
type Exception struct {
	Kind     string     `json:"kind"`
	Record   string     `json:"record"` // "type/id"
	Code     atoll.Code `json:"code"`
	Message  string     `json:"message"`
	Since    time.Time  `json:"since"`
	Attempts int        `json:"attempts"`
}

// pass is what a run remembers of its documents.
type pass struct {
	guard map[atoll.Key]int // how many answers each caused
	none  bool              // no document has an exception in this transaction: none need be looked for
}

// begin begins a transaction.
func (of *pass) begin(tx storage.Tx) error {
	some, err := tx.Scan(shelfExceptions, "", 1, false)
	of.none = len(some) == 0
	return err
}

// except notes or clears the exception of a document. An error that a record
// causes never stops the others. It returns how many transactions told others of it.
func (p *Processors) except(tx storage.Tx, k Kind, key atoll.Key, of *pass, err error) (told int, failed error) {
	if err == nil && of.none {
		return 0, nil
	}
	place := k.Name + " " + key.String()
	var known Exception
	if err := storage.Load(tx, shelfExceptions, place, &known); err != nil && !errors.Is(err, atoll.NotFound) {
		return 0, err
	}
	if err == nil {
		if known.Kind == "" {
			return 0, nil
		}
		return 0, tx.Drop(shelfExceptions, place)
	}
	var refusal *admit.Refusal
	var plain *atoll.Error
	if !errors.As(err, &refusal) && !errors.As(err, &plain) {
		return 0, err
	}
	e := Exception{Kind: k.Name, Record: key.String(), Code: atoll.CodeOf(err), Message: err.Error(), Since: known.Since, Attempts: known.Attempts + 1}
	if e.Since.IsZero() {
		e.Since = p.Now()
		p.Log.Warn("document could not be answered", "kind", k.Name, "record", key.String(), "code", string(e.Code), "err", err)
	}
	if k.Failed != nil && known.Message != e.Message && e.Code != atoll.LoopGuard { // which says nothing of the record
		if told, err = p.tell(tx, k, key, e); err != nil {
			return 0, err
		}
	}
	of.none = false
	return told, storage.Save(tx, shelfExceptions, place, e)
}

// tell lets the kind tell others of the exception. What it wants to tell never
// makes things worse: if it is refused, it is only logged.
func (p *Processors) tell(tx storage.Tx, k Kind, key atoll.Key, e Exception) (made int, failed error) {
	err := tx.Savepoint(func() error {
		c, ok, err := p.caseOf(tx, key)
		if err != nil || !ok {
			return err
		}
		do := k.Failed(c, e)
		if len(do) == 0 {
			return nil
		}
		res, err := p.Door.Write(tx, journal.Edit{
			Actor: "atoll", Cause: journal.CauseOf(k.Name, key), Do: do,
		})
		if err == nil && res.Seq > 0 {
			made = 1
		}
		return err
	})
	var refusal *admit.Refusal
	var told *atoll.Error
	if errors.As(err, &refusal) || errors.As(err, &told) {
		p.Log.Warn("the exception could not be told", "kind", k.Name, "record", key.String(), "err", err)
		return 0, nil
	}
	return made, err
}

// again asks about the documents that could not be answered before: what they
// lacked may have arrived. And about those whose answer the centre refused. It returns
// how many transactions it made.
func (p *Processors) again(ctx context.Context) (made int, err error) {
	open, err := p.Exceptions(ctx)
	if err != nil {
		return 0, err
	}
	undone := false
	if err := p.Store.View(ctx, func(r storage.Reader) error {
		undone, err = journal.AnyUndone(r)
		return err
	}); err != nil || !undone && len(open) == 0 {
		return 0, err
	}
	err = p.Store.Update(ctx, func(tx storage.Tx) error {
		made = 0
		todo, err := journal.Undone(tx)
		if err != nil {
			return err
		}
		for _, e := range open {
			todo = append(todo, journal.Answered{Kind: e.Kind, Record: e.Record})
		}
		of := pass{guard: map[atoll.Key]int{}}
		for _, a := range todo {
			i := slices.IndexFunc(p.Kinds, func(k Kind) bool { return k.Name == a.Kind })
			key, ok := parseKey(a.Record)
			if ok && a.Kind == "" {
				if err := p.undone(tx, key); err != nil {
					return err
				}
			}
			if i < 0 || !ok {
				continue
			}
			n, err := p.askAgain(tx, p.Kinds[i], key, &of)
			if err != nil {
				return err
			}
			made += n
		}
		return nil
	})
	return made, err
}

// askAgain asks the kind, and if that has nothing to do with the record any longer, the
// others of its type: what is no longer to be answered in one way may be in another.
func (p *Processors) askAgain(tx storage.Tx, k Kind, key atoll.Key, of *pass) (made int, err error) {
	if made, err = p.ask(tx, k, key, of); err != nil || made > 0 {
		return made, err
	}
	if _, err := tx.Get(shelfExceptions, k.Name+" "+key.String()); !errors.Is(err, atoll.NotFound) {
		return 0, err // it is still to be answered in this way
	}
	for _, other := range p.Kinds {
		if other.Type != k.Type || other.Name == k.Name || other.Answer == nil {
			continue
		}
		n, err := p.ask(tx, other, key, of)
		if made += n; err != nil {
			return made, err
		}
	}
	return made, nil
}

// undone has every kind keep what follows from a record having been given back.
func (p *Processors) undone(tx storage.Tx, key atoll.Key) error {
	c, ok, err := p.caseOf(tx, key)
	if err != nil {
		return err
	}
	if !ok {
		t, err := p.Door.Topology(tx)
		if err != nil {
			return err
		}
		c = Case{R: tx, T: t, Catalogue: p.Door.Judge.Catalogue, Now: p.Now(), Site: p.Door.Site, Record: atoll.Record{Key: key}}
	}
	for _, k := range p.Kinds {
		if k.Type == key.Type && k.Undone != nil {
			if err := k.Undone(tx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func parseKey(s string) (atoll.Key, bool) {
	for i := range s {
		if s[i] == '/' {
			return atoll.Key{Type: atoll.Type(s[:i]), ID: atoll.ID(s[i+1:])}, true
		}
	}
	return atoll.Key{}, false
}

// Exceptions returns the documents that could not be answered, up to 200.
func (p *Processors) Exceptions(ctx context.Context) ([]Exception, error) {
	var out []Exception
	err := p.Store.View(ctx, func(r storage.Reader) (err error) { out, err = ExceptionsIn(r); return err })
	return out, err
}
