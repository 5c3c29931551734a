package wire

import (
	"context"
	"errors"
	"net/http"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// compare answers a site that looks for rows that differ (R-H-44).
func (h *handler) compare(c *call) error {
	site, err := h.authenticate(c)
	if err != nil {
		return err
	}
	c.report.Site = site
	if err := h.gauge.site(h.Now(), site); err != nil {
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
	for stale := ""; ; {
		token, err := c.token(ctx, stale)
		if err != nil {
			return out, err
		}
		err = c.send(ctx, http.MethodPost, "compare", token, maxAnswer, q, &out)
		if stale == "" && errors.Is(err, atoll.SignIn) {
			stale = token
			continue
		}
		return out, err
	}
}

var _ exchange.Comparer = (*Client)(nil)
