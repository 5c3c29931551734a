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

// except notes or clears the exception of a document. An error that a record
// causes never stops the others.
func (p *Processors) except(tx storage.Tx, k Kind, key atoll.Key, err error) error {
	place := k.Name + " " + key.String()
	var known Exception
	if err := storage.Load(tx, shelfExceptions, place, &known); err != nil && !errors.Is(err, atoll.NotFound) {
		return err
	}
	if err == nil {
		if known.Kind == "" {
			return nil
		}
		return tx.Drop(shelfExceptions, place)
	}
	var refusal *admit.Refusal
	var told *atoll.Error
	if !errors.As(err, &refusal) && !errors.As(err, &told) {
		return err
	}
	e := Exception{Kind: k.Name, Record: key.String(), Code: atoll.CodeOf(err), Message: err.Error(), Since: known.Since, Attempts: known.Attempts + 1}
	if e.Since.IsZero() {
		e.Since = p.Now()
		p.Log.Warn("document could not be answered", "kind", k.Name, "record", key.String(), "code", string(e.Code), "err", err)
	}
	if k.Failed != nil && known.Message != e.Message {
		if err := p.tell(tx, k, key, e); err != nil {
			return err
		}
	}
	return storage.Save(tx, shelfExceptions, place, e)
}

// tell lets the kind tell others of the exception. What it wants to tell never
// makes things worse: if it is refused, it is only logged.
func (p *Processors) tell(tx storage.Tx, k Kind, key atoll.Key, e Exception) error {
	err := tx.Savepoint(func() error {
		c, ok, err := p.caseOf(tx, key)
		if err != nil || !ok {
			return err
		}
		do := k.Failed(c, e)
		if len(do) == 0 {
			return nil
		}
		_, err = p.Door.Write(tx, journal.Edit{
			Actor: "atoll", Cause: atoll.Cause{Kind: "process/" + k.Name, Ref: key.String()}, Do: do,
		})
		return err
	})
	var refusal *admit.Refusal
	var told *atoll.Error
	if errors.As(err, &refusal) || errors.As(err, &told) {
		p.Log.Warn("the exception could not be told", "kind", k.Name, "record", key.String(), "err", err)
		return nil
	}
	return err
}

// again asks about the documents that could not be answered before: what they
// lacked may have arrived.
func (p *Processors) again(ctx context.Context) error {
	open, err := p.Exceptions(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	return p.Store.Update(ctx, func(tx storage.Tx) error {
		guard := map[atoll.Key]int{}
		for _, e := range open {
			i := slices.IndexFunc(p.Kinds, func(k Kind) bool { return k.Name == e.Kind })
			key, ok := parseKey(e.Record)
			if i < 0 || !ok {
				continue
			}
			if _, err := p.ask(tx, p.Kinds[i], key, guard); err != nil {
				return err
			}
		}
		return nil
	})
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
