package transfer

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// order: a request requisition to a store becomes a response requisition there
// (R-D-03, R-D-34).
var orderHalf = half{
	name: documents.AsResponse, from: requisitions, kind: documents.Request, at: documents.Finalised,
	to: requisitions, as: documents.Response, link: "originating_id", lineLink: "originating_id",
	words: "response requisition", their: "requisition", reference: "their_reference",
	header: []string{"period_id", "program_id", "order_type", "is_emergency", "max_months_of_stock", "min_months_of_stock"},
	lineFields: []string{
		"item_id", "item_name", "item_code", "requested_quantity", "suggested_quantity", "available_stock_on_hand",
		"average_monthly_consumption", "initial_stock_on_hand", "incoming_quantity", "outgoing_quantity", "loss_in_units",
		"addition_in_units", "adjustment_in_units", "expiring_quantity", "line_number",
	},
	finish: func(c process.Case, store topology.Store, header atoll.Fields) error {
		return awaitApproval(c, store, requisitions, header)
	},
}

// awaitApproval lets a response wait for approval, when the store wants that and
// the order is of a programme or has an item of one (R-D-36).
func awaitApproval(c process.Case, store topology.Store, from papers, header atoll.Fields) error {
	if preference(c, store.ID, "requisitions_require_authorisation") != "true" {
		return nil
	}
	of := c.Fields.Has("program_id")
	if !of {
		lines, err := linesOf(c.R, from, c.Record.ID)
		if err != nil {
			return err
		}
		of, err = ofProgramme(c, lines)
		if err != nil {
			return err
		}
	}
	if of {
		header.Set("approval_status", "pending")
	}
	return nil
}

// ofProgramme reports whether an item of the lines is on the list of a programme.
func ofProgramme(c process.Case, lines []atoll.Record) (bool, error) {
	lists := map[atoll.ID]bool{}
	for _, q := range []struct {
		of    atoll.Type
		where map[string]string
		field string
	}{{"program", nil, "master_list_id"}, {"master_list", map[string]string{"is_program": "true"}, ""}} {
		found, err := c.R.Records(storage.Query{Type: q.of, Where: q.where})
		if err != nil {
			return false, err
		}
		for _, r := range found {
			if q.field == "" {
				lists[r.ID] = true
			} else if id := r.MustFields().ID(q.field); id != "" {
				lists[id] = true
			}
		}
	}
	if len(lists) == 0 {
		return false, nil
	}
	for _, l := range lines {
		item := l.MustFields().ID("item_id")
		on, err := c.R.Records(storage.Query{Type: "master_list_line", Where: map[string]string{"item_id": string(item)}})
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(on, func(r atoll.Record) bool { return lists[r.MustFields().ID("master_list_id")] }) {
			return true, nil
		}
	}
	return false, nil
}
