package main

import (
	"encoding/json"
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

type stockCmd struct {
	List   stockListCmd   `cmd:"" default:"withargs" help:"Stock of a store."`
	Adjust stockAdjustCmd `cmd:"" help:"Adjust a stock line, with an inventory adjustment as its document."`
	Ledger stockLedgerCmd `cmd:"" help:"What moved a stock line: opening balance, movements, what there is now."`
	Check  stockCheckCmd  `cmd:"" help:"Compare every stock line with the documents that moved it; exit status 5 if one differs."`
}

type stockListCmd struct {
	Store string `arg:"" help:"Code, name or id of the store."`
	Item  string `help:"Only this item: code or id." placeholder:"ITEM"`
}

// Run lists stock.
func (c stockListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		if !st.Open {
			return atoll.Errorf(atoll.NotHere, "this site holds no stock of %s; it only trades with it", st.Name)
		}
		where := map[string]string{"store_id": string(st.ID)}
		if c.Item != "" {
			id, err := named(s, h, "item", c.Item)
			if err != nil {
				return err
			}
			where["item_id"] = string(id)
		}
		recs, _, err := h.Station.Records(s.ctx, storage.Query{Type: "stock_line", Where: where})
		if err != nil {
			return err
		}
		list := make([]recordJSON, 0, len(recs))
		var rows [][]string
		for _, r := range recs {
			list = append(list, asJSON(r))
			rows = append(rows, []string{
				itemName(s, h, r.Fields), r.Fields.Text("batch"), r.Fields.Text("expiry_date"), r.Fields.Number("pack_size"),
				r.Fields.Number("total_number_of_packs"), r.Fields.Number("available_number_of_packs"), string(r.ID),
			})
		}
		return s.print(list, func() {
			s.table("No stock.", []string{"ITEM", "BATCH", "EXPIRES", "PACK SIZE", "PACKS", "AVAILABLE", "ID"}, rows)
		})
	})
}

// stockArg names one stock line.
type stockArg struct {
	Line string `arg:"" name:"stock" help:"The stock line: STORE/ITEM/BATCH, with /PACK SIZE where that is needed, or its id."`
}

// find finds the stock line.
func (a stockArg) find(s *session, h *host.Host) (atoll.ID, error) {
	return h.Station.Named(s.ctx, "stock_line", "", a.Line)
}

type stockAdjustCmd struct {
	stockArg
	Packs  string `arg:"" help:"Packs to add; negative to take away (after --)."`
	Reason string `help:"Why." default:"counted"`
}

// Run adjusts stock.
func (c stockAdjustCmd) Run(s *session) error {
	if !json.Valid([]byte(c.Packs)) {
		return atoll.Errorf(atoll.Invalid, "%q is not a number of packs", c.Packs).Do("to take 3 away: atoll stock adjust STOCK -- -3")
	}
	return s.with(func(h *host.Host) error {
		id, err := c.find(s, h)
		if err != nil {
			return err
		}
		res, err := h.Station.Act(s.ctx, s.globals.User, atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
			return d.Adjust(id, c.Packs, c.Reason)
		})
		if err != nil {
			return err
		}
		return s.changed(id, res, "Adjusted")
	})
}

type stockCheckCmd struct {
	Store string `help:"Only this store: code, name or id." placeholder:"STORE"`
}

// Run checks the ledger.
func (c stockCheckCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		res, err := h.Station.CheckStock(s.ctx, store)
		if err != nil {
			return err
		}
		err = s.print(res, func() {
			s.say("%d stock lines compared with %d lines of documents.", res.Lines, res.Postings)
			var rows [][]string
			for _, d := range res.Differences {
				f := atoll.Fields{}.Set("store_id", d.Store).Set("item_id", d.Item)
				rows = append(rows, []string{
					storeCode(s, h, f), itemName(s, h, f), d.Batch, d.Total, d.Ledger.Total, d.Off.Total, d.Off.Reserved, d.Lowest, string(d.StockLine),
				})
			}
			s.table("Every stock line is what its documents say.",
				[]string{"STORE", "ITEM", "BATCH", "PACKS", "LEDGER", "TOO MANY", "SET ASIDE TOO MANY", "LOWEST", "STOCK LINE"}, rows)
			if res.Spared != "" {
				s.say("Documents settled before %s are not all here, so what was in stock before is worked out; the central server compares all of it.", res.Spared[:10])
			}
			for _, store := range res.Passed {
				s.say("Store %s was not looked at: not all of what moved its stock is here.", storeCode(s, h, atoll.Fields{}.Set("store_id", store)))
			}
		})
		if err == nil && len(res.Differences) > 0 {
			return unwell
		}
		return err
	})
}

type repackCmd struct {
	stockArg
	Packs    string `arg:"" help:"How many of its packs."`
	Size     string `arg:"" help:"Units in a pack from now on."`
	Location string `help:"Where the new packs lie: code or id of a location." placeholder:"LOCATION"`
	Comment  string `help:"A word about it." placeholder:"TEXT"`
}

// Run repacks stock.
func (c repackCmd) Run(s *session) error {
	for _, n := range []string{c.Packs, c.Size} {
		if !json.Valid([]byte(n)) {
			return atoll.Errorf(atoll.Invalid, "%q is not a number", n)
		}
	}
	return s.with(func(h *host.Host) error {
		id, err := c.find(s, h)
		if err != nil {
			return err
		}
		res, err := h.Station.Repack(s.ctx, s.globals.User, documents.Repacking{
			StockLine: id, Packs: c.Packs, PackSize: c.Size, Location: atoll.ID(c.Location), Comment: c.Comment,
		})
		if err != nil {
			return err
		}
		return s.changed(id, res, fmt.Sprintf("Repacked into packs of %s", c.Size))
	})
}
