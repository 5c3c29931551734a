package demo

import (
	"context"
	"os"
	"path/filepath"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/gateway/msupply"
	"github.com/atollsync/atoll/storage"
)

// mostItems is how many items of a capture the scenarios work with.
const mostItems = 200

// importItems reads a capture of another system's data into the centre, and takes
// the items of the scenarios from it.
func (w *world) importItems(ctx context.Context) error {
	in, err := os.Open(w.Capture)
	if err != nil {
		return atoll.Errorf(atoll.NotFound, "the capture cannot be read: %w", err)
	}
	defer in.Close()
	h := w.centre.host
	report, err := msupply.Import(ctx, in, msupply.Options{
		Writer: msupply.Local{Store: h.Store, Door: h.Station.Door}, Actor: clerk(centreSite), File: filepath.Base(w.Capture), Catalogue: h.Catalogue, Now: w.clock.now,
	})
	if err != nil {
		return err
	}
	if _, err := h.Station.Processors.Run(ctx); err != nil {
		return err
	}
	w.told.imported(w.Capture, report)
	recs, _, err := h.Station.Records(ctx, storage.Query{Type: "item", Where: map[string]string{"kind": "stock"}})
	if err != nil {
		return err
	}
	for _, r := range recs {
		f := r.Fields
		if f.Text("status") == "merged" || len(w.items) == mostItems {
			continue
		}
		m := medicine{id: r.ID, code: f.Text("code"), name: f.Text("name"), pack: "1", price: "1.00"}
		if f.Has("default_pack_size") && f.Number("default_pack_size") != "0" {
			m.pack = f.Number("default_pack_size")
		}
		w.items = append(w.items, m)
	}
	if len(w.items) == 0 {
		return atoll.Errorf(atoll.Invalid, "the capture has no items that are stocked").Do("use the built-in ones: atoll demo without --data")
	}
	return nil
}
