package sqlite

import (
	"context"
	"errors"
)

// Rest gives back memory that the database can do without while little is asked of
// it: the pages it has at hand, and readers beyond the first. What is in use is left
// alone.
func (s *Store) Rest(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.audiences.forget()
	return explain("give memory back", errors.Join(s.readers.rest(ctx), s.writer.rest(ctx)))
}

// rest closes the sessions that nobody uses but for one, which forgets its pages.
func (p *pool) rest(ctx context.Context) error {
	var idle []*session
	for {
		c := p.spare()
		if c == nil {
			break
		}
		idle = append(idle, c)
	}
	var errs []error
	for i, c := range idle {
		if i > 0 {
			errs = append(errs, c.close())
			p.give(nil)
			continue
		}
		_, err := c.conn.ExecContext(ctx, "PRAGMA shrink_memory")
		errs = append(errs, err)
		p.give(c)
	}
	return errors.Join(errs...)
}

// spare takes an idle session, nil if there is none.
func (p *pool) spare() *session {
	select {
	case p.places <- struct{}{}:
	default:
		return nil
	}
	c := p.last()
	if c == nil {
		<-p.places
	}
	return c
}
