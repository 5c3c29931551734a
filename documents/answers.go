package documents

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/topology"
)

// The ways in which another store answers a document. The identities of answers and of
// their lines are derived from these names (R-D-12), so they never change.
const (
	AsSupplierInvoice = "stock transfer"
	AsGoodsReceived   = "goods received"
	AsCustomerCredit  = "return"
	AsResponse        = "order"
	AsOrderResponse   = "purchase order"
	AsOrderInvoice    = "purchase order as invoice"
)

// ways says which documents are answered in which way, and by documents of which type.
var ways = []struct {
	of   atoll.Type
	kind string
	way  string
	by   atoll.Type
}{
	{"invoice", CustomerInvoice, AsSupplierInvoice, "invoice"},
	{"invoice", CustomerInvoice, AsGoodsReceived, "goods_received"},
	{"invoice", SupplierCredit, AsCustomerCredit, "invoice"},
	{"requisition", Request, AsResponse, "requisition"},
	{"purchase_order", "", AsOrderResponse, "requisition"},
	{"purchase_order", "", AsOrderInvoice, "invoice"},
}

// AnswerID is the identity of what answers a record in the way: the document, or one of
// its lines.
func AnswerID(way string, of atoll.ID) atoll.ID { return atoll.DeriveID(way, string(of)) }

// Answers are the keys of all documents that may answer this one, one for each way. It
// is answered in one of them at most.
func Answers(key atoll.Key, f atoll.Fields) []atoll.Key {
	var out []atoll.Key
	for _, w := range ways {
		if w.of == key.Type && w.kind == f.Text("kind") {
			out = append(out, atoll.Key{Type: w.by, ID: AnswerID(w.way, key.ID)})
		}
	}
	return out
}

// answeredOnce refuses to make an answer here to what is answered in another way (R-D-11):
// a restored centre may have answered it anew, and take back what it answered before.
func answeredOnce(_ *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if !c.Here || c.Old != nil || c.New == nil {
		return nil
	}
	for _, link := range []string{"originating_id", "purchase_order_id"} {
		of := c.New.ID(link)
		for _, this := range ways {
			if of == "" || this.by != c.Op.Type || AnswerID(this.way, of) != c.Op.ID {
				continue
			}
			for _, other := range Answers(atoll.Key{Type: this.of, ID: of}, atoll.Fields{}.Set("kind", this.kind)) {
				r, there, err := w.Record(other)
				if err != nil {
					return err
				}
				if there && !r.Deleted && other != c.Op.Key {
					return atoll.Errorf(atoll.Rule, "%s/%s is answered by %s already", this.of, of, other).On(link).
						Do("go on with that answer").Because("transfer.answered")
				}
			}
		}
	}
	return nil
}
