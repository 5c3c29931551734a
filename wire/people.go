package wire

import (
	"context"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// maxAnswer bounds the answer to a look-up: a long history.
const maxAnswer = 8 << 20

// people answers a question about patients, asked by a person at the site over the
// site's own connection. The site's token alone opens nothing here: the person's
// credentials come with the question (R-G-23, R-K-27).
func (h *handler) people(c *call) error {
	site, err := h.admit(c)
	if err != nil {
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
	err := c.ask(ctx, "people", ask, &out)
	return out, err
}

var _ exchange.People = (*Client)(nil)
