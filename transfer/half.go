package transfer

import (
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// papers are documents of one type and their lines.
type papers struct {
	doc, line atoll.Type
	parent    string // the line's field with its document
}

// The documents that take part in transfers.
var (
	invoices     = papers{"invoice", "invoice_line", "invoice_id"}
	requisitions = papers{"requisition", "requisition_line", "requisition_id"}
	orders       = papers{"purchase_order", "purchase_order_line", "purchase_order_id"}
	receipts     = papers{"goods_received", "goods_received_line", "goods_received_id"}
)

// half is how one kind of document becomes another in the other store: what is
// common to all transfers.
type half struct {
	name string // of the kind; ids of halves are derived from it, so it never changes
	from papers
	kind string // of the initiating documents; "" for types without kinds
	// at is the status from which the initiating document has taken effect.
	at string
	to papers
	as string // kind of the responding documents; "" for types without kinds
	// status is that of a new responding document; documents.New if "".
	status string
	// link and lineLink are the responding fields that name what is answered.
	link, lineLink string
	words          string // what the responding half is called
	their          string // what the initiating half is called there
	// prefix stands before the initiating half's comment.
	prefix string
	// reference is the responding field that names the initiating half in words.
	reference string
	// quiet halves do not go to the other store by themselves.
	quiet bool
	// applies reports whether the document is one for this kind of transfer, as things
	// are now. Nil: all are.
	applies    func(c process.Case) (bool, error)
	header     []string // header fields that are copied
	lineFields []string // line fields that are copied
	finish     func(c process.Case, store topology.Store, header atoll.Fields) error
	finishLine func(c process.Case, store topology.Store, from, to atoll.Fields) error
	// settle completes the transaction; nil leaves it as it is.
	settle func(c process.Case, made []journal.Proposal) ([]journal.Proposal, error)
	// advice is set for halves that may be made before the goods leave (R-D-32).
	advice bool
}

// halves are all kinds of transfer.
var halves = []*half{&shipmentHalf, &receiptHalf, &returnHalf, &orderHalf, &purchaseHalf, &purchaseInvoiceHalf}

// respond is the half as a kind of answer. It is asked about deleted documents
// too, for the sake of pre-advice.
func (h *half) respondKind() process.Kind {
	return process.Kind{
		Name: h.name, Type: h.from.doc, Lines: h.from.line, Parent: h.from.parent, Needs: "partner_store_id", Gone: h.advice,
		Answer: h.respond, Failed: h.failed, Wakes: h.untold,
	}
}

// begun reports whether the document has taken effect, so that another store
// answers it.
func (h *half) begun(c process.Case) (bool, error) {
	status := c.Fields.Text("status")
	if c.Record.Deleted || c.Record.Hidden || c.Fields.Text("kind") != h.kind || c.Fields.ID("partner_store_id") == "" ||
		c.Fields.Has("originating_id") || status == documents.Cancelled {
		return false, nil
	}
	at := h.at
	if h.advice && preference(c, c.Fields.ID("partner_store_id"), "transfer_pre_advice") == "true" {
		at = documents.Confirmed
	}
	if documents.Rank(status) < documents.Rank(at) {
		return false, nil
	}
	if h.applies == nil {
		return true, nil
	}
	if ok, err := h.applies(c); err != nil || !ok {
		return false, err
	}
	done, err := h.otherwise(c)
	return !done, err
}

// otherwise reports whether the document is, or was, answered in another way: the
// preference may have been changed since, its order been refused, or come to stand. A
// document is answered once.
func (h *half) otherwise(c process.Case) (bool, error) {
	for _, key := range documents.Answers(c.Record.Key, c.Fields) {
		if key.ID == h.ID(c.Record.ID) {
			continue
		}
		if done, err := c.Exists(key); err != nil || done {
			return done, err
		}
	}
	return false, nil
}

// respond makes the responding half of the document, once it is whole (R-D-22), or
// lets the one there is follow it (R-D-37).
func (h *half) respond(c process.Case) ([]journal.Proposal, error) {
	done, err := h.answered(c)
	if err != nil {
		return nil, err
	}
	if done.ID != "" {
		return h.follow(c, done)
	}
	if ok, err := h.begun(c); err != nil || !ok {
		return nil, err
	}
	store, ok := c.T.Heir(c.Fields.ID("partner_store_id"))
	if !ok || !answersFor(c, store) {
		return nil, nil
	}
	if taken, err := handedOver(c, store); err != nil || !taken {
		return nil, err
	}
	if why := tooOld(c, store); why != "" {
		return once(c, h.report(c, store.ID, TooOld, why, nil))
	}
	lines, err := linesOf(c.R, h.from, c.Record.ID)
	if err != nil {
		return nil, err
	}
	if want := int(c.Fields.Int("line_count")); len(lines) < want {
		return h.incomplete(c, store.ID, len(lines), want) // (R-D-51)
	}
	return h.make(c, store, lines)
}

// answersFor reports whether this database makes the responding halves of the
// store: the site where it is active does (R-D-10), or the centre for a site whose
// program cannot (R-D-14).
func answersFor(c process.Case, store topology.Store) bool {
	site, known := c.T.Site(store.Site)
	if known && site.CentreAnswers {
		return c.Site == c.T.Centre()
	}
	return store.Site == c.Site
}

// standsIn reports whether the centre makes the half for another site.
func standsIn(c process.Case, store topology.Store) bool { return store.Site != c.Site }

// ID is the identity of the responding half, and of its lines (R-D-12).
func (h *half) ID(initiating atoll.ID) atoll.ID { return documents.AnswerID(h.name, initiating) }

// answered returns the responding half, the zero Record if there is none: by its
// derived identity, or, for documents that came from elsewhere, by what they say
// they answer (R-D-44).
func (h *half) answered(c process.Case) (atoll.Record, error) {
	r, err := c.R.Record(atoll.Key{Type: h.to.doc, ID: h.ID(c.Record.ID)})
	if err == nil || atoll.CodeOf(err) != atoll.NotFound {
		return r, err
	}
	if c.Fields.Text("kind") != h.kind {
		return atoll.Record{}, nil
	}
	found, err := c.R.Records(storage.Query{Type: h.to.doc, Where: map[string]string{h.link: string(c.Record.ID)}})
	if err != nil {
		return atoll.Record{}, err
	}
	for _, r := range found {
		if r.MustFields().Text("kind") == h.as {
			return r, nil
		}
	}
	return atoll.Record{}, nil
}

func (h *half) make(c process.Case, store topology.Store, lines []atoll.Record) ([]journal.Proposal, error) {
	id, from := h.ID(c.Record.ID), storeOf(c, c.Fields.ID("store_id"))
	status := h.status
	if status == "" {
		status = documents.New
	}
	header := atoll.Fields{}.Set("store_id", store.ID).Set("status", status).Set("name_id", nameOf(c, from)).
		Set(h.link, c.Record.ID).Set(h.reference, h.refer(c.Fields)).Set("created_at", atoll.Stamp(c.Now)).Set("line_count", len(lines))
	if h.as != "" {
		header.Set("kind", h.as)
	}
	out := []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: h.to.doc, ID: id}}}
	partner := from.ID
	if h.quiet {
		partner = ""
	}
	news := journal.Proposal{}
	if standsIn(c, store) {
		// The store's own site numbers it, and only then does it go to the other store:
		// nobody is shown -1 (R-D-11, R-D-14).
		header.Set("number", -1)
		partner = ""
	} else {
		key := h.as
		if key == "" {
			key = string(h.to.doc)
		}
		n, sequence, err := desk(c).Number(store.ID, key)
		if err != nil {
			return nil, err
		}
		header.Set("number", n)
		out = append(out, sequence)
		news = notice(c, h, c.Record.Key, n, store, from.ID)
	}
	if partner != "" {
		header.Set("partner_store_id", partner)
	}
	if err := carry(c, h.to.doc, header, c.Fields, h.header); err != nil {
		return nil, err
	}
	if h.finish != nil {
		if err := h.finish(c, store, header); err != nil {
			return nil, err
		}
	}
	values := h.shown(c.Fields)
	for _, name := range follows {
		if target, words := h.place(name); target != "" && words(values.Text(name)) != "" {
			header.Set(target, words(values.Text(name)))
		}
	}
	if _, has := h.linkField(); has {
		header.Set("linked_status", c.Fields.Text("status")).Set("linked_at", atoll.Stamp(c.Now)).Set("linked_values", values)
		if !documents.Unnumbered(c.Fields) {
			header["linked_number"] = c.Fields["number"]
		}
	}
	out[0].Fields = header.Compacted()
	for _, r := range lines {
		line, err := h.lineOf(c, store, id, partner, r)
		if err != nil {
			return nil, err
		}
		out = append(out, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: h.to.line, ID: h.ID(r.ID)}, Fields: line.Compacted()})
	}
	// A half that was lost with its site is made again; the news of it was told.
	if news.Key.ID != "" {
		told, err := c.Exists(news.Key)
		if err != nil {
			return nil, err
		}
		if !told {
			out = append(out, news)
		}
	}
	if h.settle != nil {
		return h.settle(c, out)
	}
	return out, nil
}

// lineOf is the responding line of an initiating one.
func (h *half) lineOf(c process.Case, store topology.Store, doc, partner atoll.ID, r atoll.Record) (atoll.Fields, error) {
	f, err := r.Fields()
	if err != nil {
		return nil, err
	}
	line := atoll.Fields{}.Set(h.to.parent, doc).Set("store_id", store.ID).Set(h.lineLink, r.ID)
	if partner != "" {
		line.Set("partner_store_id", partner)
	}
	if err := carry(c, h.to.line, line, f, h.lineFields); err != nil {
		return nil, err
	}
	if err := survives(c, line); err != nil {
		return nil, err
	}
	hidden, err := hiddenItem(c, store, line.ID("item_id"))
	if err != nil {
		return nil, err
	}
	if hidden {
		line.Set("item_hidden", true) // (R-D-49)
	}
	if h.finishLine != nil {
		err = h.finishLine(c, store, f, line)
	}
	return line, err
}

// notice is the log message for the initiating half (R-D-15): it reaches the
// initiating store's site as a message.
func notice(c process.Case, h *half, initiating atoll.Key, number int64, store topology.Store, from atoll.ID) journal.Proposal {
	body := fmt.Sprintf("Transferred: %s %d was made in %s on %s", h.words, number, store.Name, c.Now.UTC().Format("2 January 2006"))
	return journal.Proposal{
		Verb: atoll.Insert,
		Key:  newsKey(c, h.name, string(initiating.ID)),
		Fields: atoll.Fields{}.Set("from_store_id", store.ID).Set("to_store_id", from).Set("kind", "transfer").Set("status", "new").
			Set("subject_type", string(initiating.Type)).Set("subject_id", string(initiating.ID)).Set("body", body).
			Set("created_at", atoll.Stamp(c.Now)),
	}
}

// refer is how the responding half names the initiating one (R-D-23).
func (h *half) refer(f atoll.Fields) string {
	s := "From " + h.their + " number: " + f.Number("number")
	own := f.Text("their_reference")
	if own == "" {
		own = f.Text("reference")
	}
	if own != "" {
		s += " (" + own + ")"
	}
	return s
}

// linkField is the initiating field that names the responding half.
func (h *half) linkField() (string, bool) {
	if h.quiet {
		return "linked_invoice_id", false
	}
	return "linked_" + string(h.to.doc) + "_id", true
}

func copyFields(to, from atoll.Fields, names []string) {
	for _, name := range names {
		if from.Has(name) {
			to[name] = from[name]
		}
	}
}

func copyAs(to atoll.Fields, name string, from atoll.Fields, source string) {
	if from.Has(source) {
		to[name] = from[source]
	}
}

func kindWords(kind string) string { return strings.ReplaceAll(kind, "_", " ") }
