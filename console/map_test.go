package console_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// at gives a store its place: in the name by which others know it.
func (f *fleet) at(t testing.TB, store atoll.ID, lat, lon string) {
	t.Helper()
	_, err := f.Centre.Centre.Configure(t.Context(), "test", func(storage.Reader, *topology.Topology) ([]journal.Proposal, error) {
		return []journal.Proposal{{Verb: atoll.Update, Key: atoll.Key{Type: "name", ID: topology.StoreNameID(store)}, Fields: atoll.Fields{}.
			Set("latitude", json.Number(lat)).Set("longitude", json.Number(lon))}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// spread gives each of the sites that many made a store with a place, around some
// towns. They are put into the database past everybody; what comes next redraws who is
// where.
func (f *fleet) spread(t testing.TB, n int) {
	t.Helper()
	towns := [][2]float64{{-1.29, 36.82}, {-4.04, 39.67}, {-0.09, 34.77}, {0.52, 35.27}, {-0.3, 36.07}, {3.12, 35.6}, {-0.46, 39.65}, {2.33, 37.99}, {1.75, 40.06}}
	put := func(tx storage.Tx, key atoll.Key, fields atoll.Fields) error {
		_, err := tx.Put(atoll.Record{Key: key, Version: 1, Body: fields.Encode()}, f.Catalogue.Index(key.Type, fields))
		return err
	}
	err := f.Centre.Store.Update(t.Context(), func(tx storage.Tx) error {
		for i := range n {
			town, turn := towns[i*4%len(towns)], i/len(towns)
			lat := town[0] + float64(turn*37%100-50)/90*float64(i%7)/5
			lon := town[1] + float64(turn*61%100-50)/90*float64(i%5)/4
			store := atoll.Key{Type: "store", ID: atoll.DeriveID("spread", fmt.Sprint(i))}
			name := atoll.Key{Type: "name", ID: topology.StoreNameID(store.ID)}
			words := fmt.Sprintf("Store %d", i)
			err := put(tx, store, atoll.Fields{}.Set("code", fmt.Sprintf("S%05d", i)).Set("name", words).Set("site_id", 100+i).Set("mode", "store"))
			if err != nil {
				return err
			}
			err = put(tx, name, atoll.Fields{}.Set("code", fmt.Sprintf("S%05d", i)).Set("name", words).Set("kind", "store").Set("store_id", store.ID).
				Set("latitude", json.Number(fmt.Sprintf("%.4f", lat))).Set("longitude", json.Number(fmt.Sprintf("%.4f", lon))))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Sites are on the map where their stores' names say; without any it says where to
// enter that (R-I-20).
func TestR_I_20_Map(t *testing.T) {
	f := newFleet(t)
	technician := f.centre.as(station.Technician)
	f.centre.get("/fleet/map", technician).want(200).says("No site has a place on the map yet.", "enter latitude and longitude", "sites are not on the map", "Sync Client 1 · Store B")
	f.at(t, f.Stores["B"], "-1.2921", "36.8219")
	f.at(t, f.Stores["C"], "0", "0") // nowhere
	one := f.centre.get("/fleet/map", technician).want(200).says("1 site in view", "Sync Client 1", "Not enrolled", "36.8", "1.3").saysNot("No site has")
	if strings.Count(one.body, `class="pin"`) != 1 {
		t.Errorf("%d pins, want 1", strings.Count(one.body, `class="pin"`))
	}
	f.at(t, f.Stores["C"], "-1.2925", "36.8225") // close by
	f.many(t, 2)
	f.centre.get("/fleet/map", technician).says("2 sites in view", "2 sites close together")
	far := f.centre.get("/fleet/map?box=100,-5,110,5", technician).want(200).says("No site is in this part of the map.", "All of it")
	if strings.Contains(far.body, `class="pin"`) {
		t.Error("a site is where it is not")
	}
	f.centre.get("/fleet/map?q=client+2", technician).says("1 site in view", "Sync Client 2")
	f.centre.get("/fleet?box=36,-2,37,-1", technician).says("Sync Client 1", "Sync Client 2", "Only those in the part of the map").saysNot("Health centre")
	for _, wrong := range []string{"1,2,3", "a,b,c,d", "NaN,0,1,1", "9,9,1,1", "1e9,0,1e9,1"} {
		f.centre.get("/fleet/map?box="+wrong, technician).want(200).says("2 sites in view")
	}
}

// The date line goes through some countries, and not through their maps.
func TestMapAcrossTheDateLine(t *testing.T) {
	f := newFleet(t)
	f.at(t, f.Stores["B"], "-17.0", "179.5")
	f.at(t, f.Stores["C"], "-17.5", "-179.5")
	f.centre.get("/fleet/map", f.centre.as(station.Technician)).says("2 sites in view", "179.6° W", "179.6° E")
}
