package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/transfer"
)

type transferCmd struct {
	List        transferListCmd        `cmd:"" default:"withargs" help:"Documents from store to store that are under way, and why."`
	Differences transferDifferencesCmd `cmd:"" help:"Lines that were received otherwise than they were sent."`
	Prepare     transferPrepareCmd     `cmd:"" help:"Make a shipment for a response requisition, from the stock that expires first."`
	AskCancel   transferAskCancelCmd   `cmd:"" help:"Ask the other store to give up goods that are on their way to it."`
	Successor   transferSuccessorCmd   `cmd:"" help:"Close a store, and send what is on its way there to another (at the centre)."`
	AnswerFor   transferAnswerForCmd   `cmd:"" help:"Make responding halves for a site whose program cannot, or no longer (at the centre)."`
}

type transferListCmd struct {
	InTransit  bool    `help:"Only goods that have left a store and are not in stock at the other."`
	Exceptions bool    `help:"Only documents that the other store has not answered."`
	Store      string  `help:"Only those from or to this store." placeholder:"STORE"`
	Site       siteRef `help:"Only those to a store on this site, by number or name." placeholder:"SITE"`
	Reason     string  `help:"Only those with this reason: waiting, not_connected, integration_error, too_old, not_visible, disabled or refused." enum:",waiting,not_connected,integration_error,too_old,not_visible,disabled,refused" default:"" placeholder:"REASON"`
}

// Run lists the transfers under way.
func (c transferListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		site, err := c.Site.id(s, h)
		if err != nil {
			return err
		}
		f := transfer.Filter{InTransit: c.InTransit, Exceptions: c.Exceptions, Site: site, Reason: transfer.Reason(c.Reason)}
		if f.Store, err = storeID(s, h, c.Store); err != nil {
			return err
		}
		list := func(ctx context.Context, f transfer.Filter) ([]transfer.Transfer, error) {
			return h.Station.Transfers(ctx, f)
		}
		if h.Centre != nil {
			list = h.Centre.Transfers
		}
		under, err := list(s.ctx, f)
		if err != nil {
			return err
		}
		if under == nil {
			under = []transfer.Transfer{}
		}
		return s.print(under, func() {
			var rows [][]string
			for _, t := range under {
				age := strconv.Itoa(t.Days) + " d"
				if t.Old {
					age += " !"
				}
				rows = append(rows, []string{
					documentWords(t.Initiating), t.From.Name, t.To.Name, t.To.Site.String(), age, t.Value, string(t.Reason), t.Words, string(t.Initiating.ID),
				})
			}
			s.table("Nothing is under way.", []string{"DOCUMENT", "FROM", "TO", "SITE", "AGE", "VALUE", "REASON", "IN WORDS", "ID"}, rows)
		})
	})
}

func documentWords(d transfer.Document) string {
	kind := d.Kind
	if kind == "" {
		kind = string(d.Type)
	}
	kind = strings.ReplaceAll(kind, "_", " ")
	if d.Number == 0 {
		return kind
	}
	return fmt.Sprintf("%s %d", kind, d.Number)
}

type transferDifferencesCmd struct {
	Store string `help:"Only shipments of this store." placeholder:"STORE"`
}

// Run lists the differences.
func (c transferDifferencesCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		list, err := h.Station.Differences(s.ctx, store)
		if err != nil {
			return err
		}
		if list == nil {
			list = []transfer.Shortfall{}
		}
		return s.print(list, func() {
			var rows [][]string
			for _, d := range list {
				rows = append(rows, []string{strconv.FormatInt(d.Number, 10), string(d.Item), d.Batch, d.PackSize, d.Sent, d.Received, d.Difference, string(d.Line)})
			}
			s.table("Everything was received as it was sent.", []string{"INVOICE", "ITEM", "BATCH", "PACK SIZE", "SENT", "RECEIVED", "MISSING", "LINE"}, rows)
		})
	})
}

type transferPrepareCmd struct {
	Requisition string `arg:"" help:"Id of the response requisition, or its number: WH/response/12."`
}

// Run prepares a shipment.
func (c transferPrepareCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		id, err := numbered(s, h, "requisition", c.Requisition)
		if err != nil {
			return err
		}
		invoice, err := h.Station.PrepareShipment(s.ctx, s.globals.User, id)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"id": invoice}, func() {
			s.say("Invoice %s is prepared. Finalise it with: atoll invoice finalise %s", invoice, invoice)
		})
	})
}

type transferAskCancelCmd struct {
	Invoice string `arg:"" help:"Id of the finalised invoice or credit, or its number: WH/customer_invoice/12."`
}

// Run asks for the cancellation.
func (c transferAskCancelCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		id, err := numbered(s, h, "invoice", c.Invoice)
		if err != nil {
			return err
		}
		if err := h.Station.AskCancel(s.ctx, s.globals.User, id); err != nil {
			return err
		}
		return s.print(map[string]any{"id": id, "asked": true}, func() {
			s.say("The other store is asked. The stock comes back when it has given up its half; see: atoll transfer list")
		})
	})
}

// numbered finds a document by id or number.
func numbered(s *session, h *host.Host, t atoll.Type, what string) (atoll.ID, error) {
	key, err := documentArg{what}.key(s, h, documentKind{Type: t})
	return key.ID, err
}

type transferSuccessorCmd struct {
	Store     string `arg:"" help:"Code, name or id of the store to close; it is active at the centre."`
	Successor string `arg:"" help:"The store that takes its place."`
	Preview   bool   `help:"Show what would happen, and change nothing."`
}

// Run closes the store.
func (c transferSuccessorCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		heir, err := storeNamed(s, h, c.Successor)
		if err != nil {
			return err
		}
		return configured(s, h, c.Preview, central.Succeed(st.ID, heir.ID))
	})
}

type transferAnswerForCmd struct {
	siteArg
	Off bool `help:"No longer: the site makes them itself."`
}

// Run sets who answers.
func (c transferAnswerForCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, id atoll.SiteID) error {
		return configured(s, h, false, central.CentreAnswers(id, !c.Off))
	})
}
