package wire

import (
	"context"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// compare answers a site that looks for rows that differ (R-H-44).
func (h *handler) compare(c *call) error {
	site, err := h.admit(c)
	if err != nil {
		return err
	}
	if h.Comparer == nil {
		return atoll.Errorf(atoll.NotFound, "this centre compares nothing")
	}
	var q exchange.Comparison
	if err := c.read(&q); err != nil {
		return err
	}
	answer, err := h.Comparer.Compare(c.r.Context(), site, q)
	if err != nil {
		return err
	}
	return c.json(answer)
}

// Compare asks the centre about what this site holds. The site that asks is the
// client's own.
func (c *Client) Compare(ctx context.Context, _ atoll.SiteID, q exchange.Comparison) (exchange.Compared, error) {
	var out exchange.Compared
	err := c.ask(ctx, "compare", q, &out)
	return out, err
}

var _ exchange.Comparer = (*Client)(nil)
