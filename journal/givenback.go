package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
)

// shelfGivenBack tells which answer of a processor the centre gave back last, by the cause
// of its entry, and how often in a row.
const shelfGivenBack = "given back"

// An answer that was given back so often is given once more only after a day: what was
// wrong may be right again without this site having heard of any change.
const (
	mostGivenBack = 2
	givenBackWait = 24 * time.Hour
)

type givenBack struct {
	Answer string    `json:"answer"`
	Seq    uint64    `json:"seq"` // the entry that made it last
	Times  int       `json:"times"`
	At     time.Time `json:"at"`
}

func givenBackPlace(c atoll.Cause) string { return c.Kind + " " + c.Ref }

func loadGivenBack(r storage.ShelfReader, c atoll.Cause) (g givenBack, err error) {
	if err = storage.Load(r, shelfGivenBack, givenBackPlace(c), &g); errors.Is(err, atoll.NotFound) {
		err = nil
	}
	return g, err
}

// countBack counts that an answer was given back: once, whatever it has made.
func (d *Door) countBack(tx storage.Tx, seq uint64, e *atoll.Entry) error {
	g, err := loadGivenBack(tx, e.Cause)
	if err != nil || g.Seq == seq {
		return err
	}
	answer := d.gist(e)
	if g.Answer != answer {
		g = givenBack{Answer: answer}
	}
	g.Seq, g.At = seq, d.Now()
	g.Times++
	return storage.Save(tx, shelfGivenBack, givenBackPlace(e.Cause), g)
}

// GivenBack reports whether the answer of a processor that the entry of this site gives was
// given back by the centre before, as it is, so often that it would be again: the caller
// undoes it. Where site and centre do not agree whose a record is, nothing else would end
// that. An answer is another when it is made under another ownership, builds on another
// version, or says something else; when it is made is no matter.
func (d *Door) GivenBack(tx storage.Tx, c atoll.Cause, seq uint64) (bool, error) {
	g, err := loadGivenBack(tx, c)
	if err != nil || g.Times < mostGivenBack {
		return false, err
	}
	if since := d.Now().Sub(g.At); since < 0 || since >= givenBackWait {
		return false, nil
	}
	je, err := tx.Entry(d.Site, seq)
	if err != nil {
		return false, err
	}
	e, err := atoll.DecodeEntry(je.Content)
	return err == nil && d.gist(e) == g.Answer, err
}

// gist is what an entry does, whenever it is made: without its times, and without the ids
// of what it makes.
func (d *Door) gist(e *atoll.Entry) string {
	h := sha256.New()
	var ids []string
	for _, op := range e.Operations {
		if op.Verb == atoll.Insert {
			ids = append(ids, string(op.ID), fmt.Sprint("new ", len(ids)))
		}
	}
	unnamed := strings.NewReplacer(ids...)
	for _, op := range e.Operations {
		f := op.Fields.Clone()
		if def, ok := d.Judge.Catalogue.Lookup(op.Type); ok {
			for name := range op.Fields {
				if is, known := def.Field(name); known && (is.Kind == catalogue.Time || is.Kind == catalogue.Date) {
					delete(f, name)
				}
			}
		}
		_, _ = unnamed.WriteString(h, fmt.Sprintf("%s %s %s %d %s\n", op.Verb, op.Key, op.Base, op.Epoch, f.Encode()))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
