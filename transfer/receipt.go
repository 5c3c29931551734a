package transfer

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// orderLine is the line of an order that a line of its shipment is for: the one it
// names, the one its requisition line names, or the first of the same item; "" if
// the supplier sent something that was not ordered (R-D-62).
func orderLine(c process.Case, order atoll.ID, sent atoll.Fields, item atoll.ID) (atoll.ID, error) {
	lines, err := linesOf(c.R, orders, order)
	if err != nil {
		return "", err
	}
	isOne := func(id atoll.ID) bool {
		return id != "" && slices.ContainsFunc(lines, func(r atoll.Record) bool { return r.ID == id })
	}
	if id := sent.ID("purchase_order_line_id"); isOne(id) {
		return id, nil
	}
	_, f, ok, err := find(c.R, atoll.Key{Type: "requisition_line", ID: sent.ID("requisition_line_id")})
	if err != nil {
		return "", err
	}
	if ok && isOne(f.ID("purchase_order_line_id")) {
		return f.ID("purchase_order_line_id"), nil
	}
	for _, r := range lines {
		kept, err := survivor.Of(c.R, atoll.Key{Type: "item", ID: r.MustFields().ID("item_id")})
		if err != nil {
			return "", err
		}
		if kept.ID == item {
			return r.ID, nil
		}
	}
	return "", nil
}

// received: the received quantities of an order's lines are the sums of the lines
// of its goods received as they stand, at whichever site owns the order (R-D-63,
// R-D-65, R-D-72, R-D-73). They are worked out anew each time and never added to,
// so that nothing can be counted twice.
var received = process.Kind{
	Name: "received quantities", Type: receipts.doc, Lines: receipts.line, Parent: receipts.parent, Gone: true,
	Answer: func(c process.Case) ([]journal.Proposal, error) {
		return receivedQuantities(c, c.Fields.ID("purchase_order_id"), nil)
	},
}

// receivedQuantities returns the updates that the lines of the order need, with the
// goods received that are being made counted in.
func receivedQuantities(c process.Case, order atoll.ID, made []journal.Proposal) ([]journal.Proposal, error) {
	r, _, ok, err := find(c.R, atoll.Key{Type: orders.doc, ID: order})
	if err != nil || !ok || !c.Owns(r) {
		return nil, err
	}
	sums := map[atoll.ID]string{}
	add := func(f atoll.Fields) {
		line, size := f.ID("purchase_order_line_id"), f.Number("received_pack_size")
		if line == "" || !f.Has("number_of_packs_received") {
			return
		}
		if size == "" {
			size = "1"
		}
		sums[line] = documents.Add(or0(sums[line]), documents.Mul(f.Number("number_of_packs_received"), size))
	}
	docs, err := c.R.Records(storage.Query{Type: receipts.doc, Where: map[string]string{"purchase_order_id": string(order)}, All: true})
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		if d.Deleted || d.MustFields().Text("status") == documents.Cancelled {
			continue
		}
		lines, err := linesOf(c.R, receipts, d.ID)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			add(l.MustFields())
		}
	}
	for _, p := range made {
		if p.Key.Type == receipts.line {
			add(p.Fields)
		}
	}
	lines, err := linesOf(c.R, orders, order)
	if err != nil {
		return nil, err
	}
	var out []journal.Proposal
	for _, l := range lines {
		now := or0(sums[l.ID])
		if documents.Compare(or0(l.MustFields().Number("received_quantity")), now) != 0 {
			out = append(out, journal.Proposal{Verb: atoll.Update, Key: l.Key, Fields: atoll.Fields{}.Set("received_quantity", number(now))})
		}
	}
	return out, nil
}

func or0(s string) string {
	if s == "" {
		return "0"
	}
	return s
}
