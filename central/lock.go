package central

import (
	"context"
	"errors"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Shelf places of the lock on the Synchronisation tab.
const (
	shelfLock    = "lock"    // "code": the hash; "open/<user>": until when
	shelfLockLog = "locklog" // LockEvent by time
)

// unlocked is how long the tab stays unlocked.
const unlocked = 30 * time.Minute

// unlocking is argon2id at a cost that a wrong code may have at any time.
var unlocking = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// LockEvent is one line of the log about the lock (R-C-07, R-C-115).
type LockEvent struct {
	At   time.Time `json:"at"`
	User string    `json:"user"`
	What string    `json:"what"` // "code set", "unlocked", "wrong code", "refused"
}

// SetUnlockCode sets this installation's unlocking code (T-64). From then on, who
// changes what is on the Synchronisation tab must have unlocked it. An empty code
// takes the lock away. Every unlocking so far ends.
func (c *Centre) SetUnlockCode(ctx context.Context, actor, code string) error {
	hash := ""
	if code != "" {
		if len(code) < 6 || len(code) > 200 {
			return atoll.Errorf(atoll.Invalid, "an unlocking code has 6 to 200 characters").On("code")
		}
		var err error
		if hash, err = argon2id.CreateHash(code, unlocking); err != nil {
			return err
		}
	}
	return c.commits.do(ctx, func(tx storage.Tx) error {
		items, err := tx.Scan(shelfLock, "", 0, false)
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := tx.Drop(shelfLock, it.Key); err != nil {
				return err
			}
		}
		if hash != "" {
			if err := tx.Set(shelfLock, "code", []byte(hash)); err != nil {
				return err
			}
		}
		return c.logLock(tx, actor, "code set")
	})
}

// Unlock lets the user change what is on the Synchronisation tab, until the time
// it returns. It fails with atoll.Denied for a wrong code. Both are logged.
func (c *Centre) Unlock(ctx context.Context, actor, code string) (until time.Time, err error) {
	var hash string
	err = c.Store.View(ctx, func(r storage.Reader) error {
		b, err := r.Get(shelfLock, "code")
		hash = string(b)
		if errors.Is(err, atoll.NotFound) {
			return atoll.Errorf(atoll.NotFound, "there is no unlocking code here, so nothing is locked")
		}
		return err
	})
	if err != nil {
		return until, err
	}
	// Computed outside the transaction: it is slow on purpose.
	match, err := argon2id.ComparePasswordAndHash(code, hash)
	if err != nil {
		return until, err
	}
	until = c.Now().Add(unlocked)
	err = c.commits.do(ctx, func(tx storage.Tx) error {
		if !match {
			return c.logLock(tx, actor, "wrong code")
		}
		if err := storage.Save(tx, shelfLock, "open/"+actor, until); err != nil {
			return err
		}
		return c.logLock(tx, actor, "unlocked")
	})
	if err == nil && !match {
		return time.Time{}, atoll.Errorf(atoll.Denied, "that is not the unlocking code")
	}
	return until, err
}

// errLocked says that the user has not unlocked the tab.
var errLocked = atoll.Errorf(atoll.Denied, "the synchronisation settings are locked").
	Do("unlock them with the unlocking code, which trained technicians have").Because("settings_locked")

// locked returns errLocked when the proposals change what is on the tab and the
// user has not unlocked it.
func (c *Centre) locked(r storage.Reader, actor string, do []journal.Proposal) error {
	touches := false
	for _, p := range do {
		// A store's closing is no synchronisation setting.
		names := topology.Guarded(p.Key.Type, p.Fields)
		newStore := p.Key.Type == "store" && p.Verb == atoll.Insert
		touches = touches || !newStore && (len(names) > 1 || len(names) == 1 && names[0] != "disabled")
	}
	if !touches {
		return nil
	}
	if _, err := r.Get(shelfLock, "code"); err != nil {
		if errors.Is(err, atoll.NotFound) {
			return nil // this installation has no code
		}
		return err
	}
	var until time.Time
	if err := storage.Load(r, shelfLock, "open/"+actor, &until); err != nil && !errors.Is(err, atoll.NotFound) {
		return err
	}
	if c.Now().After(until) {
		return errLocked
	}
	return nil
}

func (c *Centre) logLock(tx storage.Tx, user, what string) error {
	at := c.Now()
	return storage.Save(tx, shelfLockLog, at.UTC().Format("20060102T150405.000000000")+" "+user, LockEvent{At: at, User: user, What: what})
}

// LockLog returns the newest events about the lock, newest first.
func (c *Centre) LockLog(ctx context.Context, limit int) ([]LockEvent, error) {
	var out []LockEvent
	err := c.Store.View(ctx, func(r storage.Reader) (err error) {
		out, err = storage.Listed[LockEvent](r, shelfLockLog, "", limit, true)
		return err
	})
	return out, err
}
