package hunt

import (
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// checked: what must always hold inside one database does, at every node: all that
// atoll check asks (R-M-02).
func checked(w *World) error {
	for _, n := range w.Nodes() {
		err := n.Store.View(w.Ctx, func(r storage.Reader) error {
			laws, err := verify.Check(r, n.Door, nil)
			if err == nil && n.Site != nil {
				var own verify.Law
				own, err = n.Site.Check(r)
				laws = append(laws, own)
			}
			for _, l := range laws {
				w.Looked("checked", l.Looked)
				for _, fault := range l.Faults {
					w.Breach("checked", "%s, %s: %s", n.Name, l.Name, fault)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		stock, err := n.CheckStock(w.Ctx, "")
		if err != nil {
			return err
		}
		w.Looked("checked", stock.Lines)
		for _, d := range stock.Differences {
			if d.Wrong() {
				w.Breach("checked", "%s: stock line %s has %s packs and %s set aside, its documents say %s and %s", n.Name, d.StockLine,
					d.Total, d.Reserved, d.Ledger.Total, d.Ledger.Reserved)
			}
		}
	}
	return nil
}
