package wire

import (
	"context"
	"errors"
	"net/http"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// maxAnswer bounds the answer to a look-up: a long history.
const maxAnswer = 8 << 20

// people answers a question about patients, asked by a person at the site over the
// site's own connection. The site's token alone opens nothing here: the person's
// credentials come with the question (R-G-23, R-K-27).
func (h *handler) people(c *call) error {
	site, err := h.authenticate(c)
	if err != nil {
		return err
	}
	c.report.Site = site
	if err := h.gauge.site(h.Now(), site); err != nil {
		return err
	}
	if h.People == nil {
		return atoll.Errorf(atoll.NotFound, "this centre answers no questions about patients")
	}
	var ask exchange.LookUp
	if err := c.read(&ask); err != nil {
		return err
	}
	answer, err := h.People.LookUp(c.r.Context(), site, ask)
	if err != nil {
		return err
	}
	return c.json(answer)
}

// LookUp asks the centre about patients. The site that asks is the client's own.
func (c *Client) LookUp(ctx context.Context, _ atoll.SiteID, ask exchange.LookUp) (exchange.LookedUp, error) {
	var out exchange.LookedUp
	for stale := ""; ; {
		token, err := c.token(ctx, stale)
		if err != nil {
			return out, err
		}
		err = c.send(ctx, http.MethodPost, "people", token, maxAnswer, ask, &out)
		if stale == "" && errors.Is(err, atoll.SignIn) {
			stale = token
			continue
		}
		return out, err
	}
}

var _ exchange.People = (*Client)(nil)
