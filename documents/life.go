package documents

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// Action is one thing that people do with a document.
type Action string

// The actions. The first four say what may be changed by an ordinary edit; the
// others are acts, which change the status and what goes with it.
const (
	Edit      Action = "edit"       // its fields
	EditLines Action = "edit_lines" // its lines
	Delete    Action = "delete"
	Suggest   Action = "suggest"   // of what goes out: set stock aside for it
	Arrive    Action = "arrive"    // of what comes in: note that the goods are here
	Confirm   Action = "confirm"   // stock leaves, or enters
	Finalise  Action = "finalise"  // closed for good; a transfer begins
	Receive   Action = "receive"   // off hold and finalised, into stock
	Authorise Action = "authorise" // of a response that waits for approval
	Deny      Action = "deny"
	Cancel    Action = "cancel"
)

// Actions lists every action, in the order in which people are told of them.
var Actions = []Action{Edit, EditLines, Delete, Suggest, Arrive, Confirm, Finalise, Receive, Authorise, Deny, Cancel}

// Standing is what decides about a document: its own fields, and those of the
// document it answers or is answered by, as far as they are known here.
type Standing struct {
	Type   atoll.Type
	Fields atoll.Fields
	// Other is the other half of a transfer; nil if it is not known here.
	Other atoll.Fields
	// OtherGone is set when the other half was deleted.
	OtherGone bool
	// OtherKept is set when the site that made the change keeps the other half to itself:
	// it judged with both before it, and its word counts (R-C-90).
	OtherKept bool
}

// Choice is an action on a document as it stands, and whether it may be done.
type Choice struct {
	Action  Action `json:"action"`
	Allowed bool   `json:"allowed"`
	// To is the status it leads to, "" if it changes none.
	To string `json:"to,omitempty"`
	// Why says what stands in the way, and Hint what to do about it.
	Why  string `json:"why,omitempty"`
	Hint string `json:"hint,omitempty"`
	// Reason names what stands in the way, with Args, for faces that have words of
	// their own; see [atoll.Error].
	Reason string `json:"-"`
	Args   []any  `json:"-"`
}

// step is one row of the life cycle: who does the action on what, in which
// statuses, and where it leads.
type step struct {
	of    atoll.Type
	kinds []string // nil: every kind
	act   Action
	from  []string
	to    string // "" if the status stays
	needs []need
}

// need is a condition on a step.
type need struct {
	name      string // of the reason, for faces
	ok        func(s Standing) bool
	why, hint string
}

// The conditions.
var (
	offHold = need{"on_hold", func(s Standing) bool { return !s.Fields.Bool("on_hold", false) }, "the document is on hold", "take it off hold first"}
	// R-D-35, R-D-28: what another store sent is not thrown away here. Only when
	// that store has asked for it, or took its document back, it is (R-D-32, R-D-39).
	released = need{
		"answers", func(s Standing) bool {
			return !s.answers() || s.OtherGone || s.OtherKept || s.Other.Has("cancel_requested_at") || s.Other.Text("status") == Cancelled
		},
		"a document that answers another store's cannot be taken back here",
		"receive nothing on its lines and finalise it, or have the other store ask for its cancellation",
	}
	// R-D-39: what was finalised is taken back only after the other store has given
	// up its half.
	givenUp        = need{"finalised", gaveUp, "a finalised document cannot be cancelled", "ask the goods back while they are on hold there (atoll transfer ask-cancel), or have them returned with a credit"}
	requestGivenUp = need{"request_sent", gaveUp, "a finalised request cannot be cancelled before the other store has given up its response", "agree with the supplying store, or send another request"}
	orderGivenUp   = need{"order_taken", gaveUp, "an order that was sent cannot be cancelled before the supplying store has given up its half", "agree with the supplying store, or make another order"}
	// D.4: what comes from another store is nobody's to edit until the goods are here.
	arrived = need{
		"not_arrived", func(s Standing) bool {
			return !s.answers() || s.Fields.Text("status") != New || !s.Fields.Bool("on_hold", false)
		},
		"the goods have not arrived yet", "note their arrival first (arrive), or take the document off hold",
	}
	// R-D-32: a pre-advice is locked until the goods have left.
	shipped = need{
		"not_shipped", func(s Standing) bool { return !s.Fields.Bool("is_pre_advice", false) },
		"the other store has not sent the goods yet", "wait until its document is finalised",
	}
	// R-D-36: a response that waits for approval, or was denied, stays as it is.
	approved = need{
		"not_authorised", func(s Standing) bool { a := s.Fields.Text("approval_status"); return !Pending(a) && !Denied(a) },
		"the requisition is not authorised", "have it authorised first",
	}
	pending = need{
		"not_waiting", func(s Standing) bool { return Pending(s.Fields.Text("approval_status")) },
		"the requisition does not wait for approval", "",
	}
	unlocked = need{"locked", func(s Standing) bool { return !s.Fields.Bool("is_locked", false) }, "the stocktake is locked", "unlock it first"}
	unsent   = need{
		"order_sent", func(s Standing) bool {
			return s.Fields.Text("status") != Confirmed || !s.Fields.Has("partner_store_id")
		},
		"the order was sent to a store", "agree on the change with the supplying store, or make another order",
	}
)

// gaveUp reports whether the other half is gone or cancelled.
func gaveUp(s Standing) bool {
	return s.Fields.Has("partner_store_id") && (s.OtherGone || s.OtherKept || s.Other.Text("status") == Cancelled)
}

// Pending reports whether an approval status says that somebody must decide
// (R-D-36).
func Pending(approval string) bool { return approval == "pending" }

// Denied reports whether an approval status says no.
func Denied(approval string) bool { return approval == "denied" || approval == "denied_by_other" }

// Sets of statuses and kinds the table is made of.
var (
	open     = []string{New, Suggested, Confirmed}
	early    = []string{New, Suggested}
	outgoing = []string{CustomerInvoice, SupplierCredit}
	incoming = []string{SupplierInvoice, CustomerCredit}
	internal = []string{InventoryAddition, InventoryReduction, Repack, Build}
)

// life is the life cycle of every document (D.4): the one table from which the
// laws, the acts and the answer to "what may be done now" follow.
var life = []step{
	{"invoice", outgoing, Edit, open, "", nil},
	{"invoice", outgoing, EditLines, open, "", nil},
	{"invoice", outgoing, Delete, open, "", []need{released}},
	{"invoice", outgoing, Suggest, []string{New}, Suggested, nil},
	{"invoice", outgoing, Confirm, early, Confirmed, []need{offHold}},
	{"invoice", outgoing, Finalise, open, Finalised, []need{offHold}},
	{"invoice", outgoing, Cancel, open, Cancelled, []need{released}},
	{"invoice", outgoing, Cancel, []string{Finalised}, Cancelled, []need{givenUp}},

	{"invoice", incoming, Edit, open, "", nil},
	{"invoice", incoming, EditLines, open, "", []need{arrived, shipped}},
	{"invoice", incoming, Delete, early, "", []need{released}},
	{"invoice", incoming, Arrive, []string{New}, Suggested, []need{shipped}},
	{"invoice", incoming, Confirm, early, Confirmed, []need{offHold, shipped}},
	{"invoice", incoming, Finalise, open, Finalised, []need{offHold, shipped}},
	{"invoice", incoming, Receive, open, Finalised, []need{shipped}},
	{"invoice", incoming, Cancel, early, Cancelled, []need{released}},

	{"invoice", internal, Edit, open, "", nil},
	{"invoice", internal, EditLines, open, "", nil},
	{"invoice", internal, Delete, open, "", nil},
	{"invoice", internal, Suggest, []string{New}, Suggested, nil},
	{"invoice", internal, Confirm, early, Confirmed, []need{offHold}},
	{"invoice", internal, Finalise, open, Finalised, []need{offHold}},
	{"invoice", internal, Cancel, open, Cancelled, nil},

	{"prescription", nil, Edit, open, "", nil},
	{"prescription", nil, EditLines, open, "", nil},
	{"prescription", nil, Delete, open, "", nil},
	{"prescription", nil, Suggest, []string{New}, Suggested, nil},
	{"prescription", nil, Confirm, early, Confirmed, nil},
	{"prescription", nil, Finalise, open, Finalised, nil},
	{"prescription", nil, Cancel, open, Cancelled, nil},

	{"requisition", nil, Edit, open, "", []need{approved}},
	{"requisition", nil, EditLines, open, "", []need{approved}},
	{"requisition", nil, Delete, open, "", []need{released}},
	{"requisition", nil, Suggest, []string{New}, Suggested, []need{approved}},
	{"requisition", nil, Confirm, early, Confirmed, []need{approved}},
	{"requisition", nil, Finalise, open, Finalised, []need{approved}},
	{"requisition", []string{Response}, Authorise, open, "", []need{pending}},
	{"requisition", []string{Response}, Deny, open, "", []need{pending}},
	{"requisition", nil, Cancel, open, Cancelled, []need{released}},
	{"requisition", []string{Request}, Cancel, []string{Finalised}, Cancelled, []need{requestGivenUp}},

	{"purchase_order", nil, Edit, open, "", nil},
	{"purchase_order", nil, EditLines, open, "", []need{unsent}},
	{"purchase_order", nil, Delete, open, "", []need{unsent}},
	{"purchase_order", nil, Suggest, []string{New}, Suggested, nil},
	{"purchase_order", nil, Confirm, early, Confirmed, nil},
	{"purchase_order", nil, Finalise, open, Finalised, nil},
	{"purchase_order", nil, Cancel, open, Cancelled, []need{unsent}},
	{"purchase_order", nil, Cancel, []string{Confirmed}, Cancelled, []need{orderGivenUp}},

	{"goods_received", nil, Edit, open, "", nil},
	{"goods_received", nil, EditLines, open, "", nil},
	{"goods_received", nil, Delete, open, "", []need{released}},
	{"goods_received", nil, Confirm, early, Confirmed, nil},
	{"goods_received", nil, Finalise, open, Finalised, nil},
	{"goods_received", nil, Cancel, open, Cancelled, []need{released}},

	{"stocktake", nil, Edit, open, "", nil},
	{"stocktake", nil, EditLines, open, "", []need{unlocked}},
	{"stocktake", nil, Delete, open, "", nil},
	{"stocktake", nil, Finalise, open, Finalised, []need{unlocked}},

	{"payment", nil, Edit, open, "", nil},
	{"payment", nil, Delete, open, "", nil},
	{"payment", nil, Confirm, early, Confirmed, nil},
	{"payment", nil, Finalise, open, Finalised, nil},
	{"payment", nil, Cancel, open, Cancelled, nil},
}

// answers reports whether the document answers another store's.
func (s Standing) answers() bool {
	return answered(s.Type, s.Fields).ID != ""
}

// steps returns the rows for the document, of every status.
func (s Standing) steps() []step {
	var out []step
	for _, st := range life {
		if st.of == s.Type && (st.kinds == nil || slices.Contains(st.kinds, s.Fields.Text("kind"))) {
			out = append(out, st)
		}
	}
	return out
}

// lacks returns the first condition of the step that does not hold.
func (s Standing) lacks(st step) (need, bool) {
	for _, n := range st.needs {
		if !n.ok(s) {
			return n, true
		}
	}
	return need{}, false
}

// Choices answers what may be done with the document now, and why the rest may
// not: every action that documents of its kind know, once, in the order of
// Actions. It says nothing of who asks: that its site owns the document is for
// package authority to say.
func Choices(s Standing) []Choice {
	var out []Choice
	status := s.Fields.Text("status")
	for _, act := range Actions {
		var best Choice
		for _, st := range s.steps() {
			if st.act != act || best.Allowed {
				continue
			}
			c := Choice{Action: act, To: st.to}
			if n, missing := s.lacks(st); !slices.Contains(st.from, status) {
				c.Why = "the document is " + status
				c.Hint = "it is possible while it is " + strings.Join(st.from, " or ")
				c.Reason, c.Args = "status", []any{"status", status}
				if Rank(status) >= Rank(Finalised) {
					c.Hint, c.Reason = "correct it with a return or a new document", "settled"
				}
				if best.Action != "" {
					continue
				}
			} else if missing {
				c.Why, c.Hint, c.Reason = n.why, n.hint, n.name
			} else {
				c.Allowed = true
			}
			best = c
		}
		if best.Action != "" {
			out = append(out, best)
		}
	}
	return out
}

// Reasons names everything that Choices may say stands in the way, so that faces have
// words for all of it.
func Reasons() []string {
	out := []string{"status", "settled", "no_such_step"}
	for _, st := range life {
		for _, n := range st.needs {
			if !slices.Contains(out, n.name) {
				out = append(out, n.name)
			}
		}
	}
	return out
}

// choice returns the answer for one action; an action that the kind does not know
// is not allowed either.
func (s Standing) choice(act Action) Choice {
	for _, c := range Choices(s) {
		if c.Action == act {
			return c
		}
	}
	return Choice{Action: act, Why: "a " + s.name() + " knows no such step", Reason: "no_such_step"}
}

// name is what people call the document.
func (s Standing) name() string {
	if k := s.Fields.Text("kind"); k != "" && s.Type != "requisition" {
		return strings.ReplaceAll(k, "_", " ")
	} else if k != "" {
		return strings.ReplaceAll(k, "_", " ") + " requisition"
	}
	return strings.ReplaceAll(string(s.Type), "_", " ")
}

// refuse says why the action may not be done.
func (s Standing) refuse(c Choice) *atoll.Error {
	hint := c.Hint
	if now := s.possible(); now != "" {
		hint = strings.TrimPrefix(hint+"; possible now: "+now, "; ")
	}
	return atoll.Errorf(atoll.LifeCycle, "%s: %s", strings.ReplaceAll(string(c.Action), "_", " "), c.Why).Do("%s", hint).Because(c.Reason, c.Args...)
}

// possible lists the acts that may be done now.
func (s Standing) possible() string {
	var out []string
	for _, c := range Choices(s) {
		if c.Allowed {
			out = append(out, strings.ReplaceAll(string(c.Action), "_", " "))
		}
	}
	return strings.Join(out, ", ")
}
