package console

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/atollsync/atoll/report"
)

// How long the answer of a report is kept: that of all stock in a country is dear to
// make, and whoever turns its pages wants them of one answer. It says when it was made.
const (
	longAnswer  = 10 * reportRows // rows; shorter ones are asked for anew
	dearAnswer  = 20_000          // … unless they were made of so many records
	keptAnswer  = time.Minute
	keptAnswers = 4
)

// answers are the long and dear answers of reports, by what was asked and
// what the reader may see.
type answers struct {
	sync.Mutex
	of    map[string]*report.Table
	order []string // the oldest first
}

// ask asks a report, or returns the answer that it gave a moment ago: when no record
// has changed since, or to turn its pages.
func (c *console) ask(v *Visit, name string, q reportQuery, turning bool) (*report.Table, error) {
	asking := q.asking(v)
	key := fmt.Sprintf("%s %+v", name, asking)
	if t := c.answers.get(key); t != nil && c.Now().Sub(t.At) < keptAnswer {
		now, err := c.Station.Mark(v.ctx())
		if err != nil || turning || t.Mark == now {
			return t, err
		}
	}
	t, err := c.Station.Ask(v.ctx(), name, asking)
	if err == nil && (len(t.Rows) > longAnswer || t.Read > dearAnswer) {
		c.answers.keep(key, t)
	}
	return t, err
}

func (a *answers) get(key string) *report.Table {
	a.Lock()
	defer a.Unlock()
	return a.of[key]
}

// keep keeps the answer for a while. They may be large, so there are few: the oldest
// makes room.
func (a *answers) keep(key string, t *report.Table) {
	a.Lock()
	defer a.Unlock()
	if a.of == nil {
		a.of = map[string]*report.Table{}
	}
	a.order = append(slices.DeleteFunc(a.order, func(k string) bool { return k == key || a.of[k] == nil }), key)
	if len(a.order) > keptAnswers {
		delete(a.of, a.order[0])
		a.order = a.order[1:]
	}
	a.of[key] = t
	time.AfterFunc(keptAnswer, func() {
		a.Lock()
		defer a.Unlock()
		if a.of[key] == t {
			delete(a.of, key)
		}
	})
}
