package api_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// TestR_J_01_ReportsAreAskedForAtTheCentre: of all stores, of several, of one; as
// JSON, CSV or a workbook. A session at the centre has no current store.
func TestR_J_01_ReportsAreAskedForAtTheCentre(t *testing.T) {
	f := newFleet(t)
	item := f.item(t, "0012")
	f.sync(t)
	f.stock(t, f.Sites[2], f.Stores["B"], item)
	f.stock(t, f.Sites[3], f.Stores["C"], item)
	f.sync(t)
	viewer := f.centre.as(station.Viewer)
	all := f.centre.call("GET", "/reports/stock", "", viewer).want(200)
	if all.text("report") != "stock" || strings.Count(all.field("rows"), `"store":`) != 2 || !strings.Contains(all.field("rows"), `"item":"0012"`) {
		t.Errorf("%s", all.body)
	}
	if got := f.centre.call("GET", "/reports/stock?store=B&store=Store+C&item=0012", "", viewer).want(200); got.field("rows") != all.field("rows") {
		t.Errorf("%s", got.body)
	}
	one := f.centre.call("GET", "/reports/stock?store=C&format=csv", "", viewer).want(200)
	if lines := strings.Split(strings.TrimSpace(string(one.body)), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], "store,store_name,item") ||
		!strings.HasPrefix(lines[1], "C,Store C,0012,") || !strings.HasPrefix(one.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("%s: %s", one.Header.Get("Content-Type"), one.body)
	}
	book := f.centre.call("GET", "/reports/stock", "", viewer, with("Accept", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")).want(200)
	z, err := zip.NewReader(bytes.NewReader(book.body), int64(len(book.body)))
	if err != nil || !strings.Contains(book.Header.Get("Content-Disposition"), ".xlsx") {
		t.Fatalf("%v, %s", err, book.Header.Get("Content-Disposition"))
	}
	r, err := z.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	if sheet, _ := io.ReadAll(r); !bytes.Contains(sheet, []byte("0012")) || !bytes.Contains(sheet, []byte("<v>")) {
		t.Errorf("%s", sheet)
	}
	// What cannot be reported on is refused when it is named (R-J-07, R-C-93).
	f.centre.call("GET", "/reports/stock?store=F", "", viewer).refused(403, atoll.NotHere)
	f.one.call("GET", "/reports/stock?store=C", "").refused(403, atoll.NotHere)
	f.one.call("GET", "/reports/sync", "").refused(403, atoll.NotHere)
	f.centre.call("GET", "/reports/nothing", "").refused(404, atoll.NotFound)
	f.centre.call("GET", "/reports/stock?store=Q", "").refused(404, atoll.NotFound)
	f.centre.call("GET", "/reports/use?from=yesterday", "").refused(400, atoll.Invalid)
	f.centre.call("GET", "/reports/stock?by=colour", "").refused(400, atoll.Invalid)
	// A mobile client sees its own store and no other.
	own := f.one.call("GET", "/reports/stock", "", f.one.as(station.MobileClient)).want(200)
	if strings.Count(own.field("stores"), `"code"`) != 1 || strings.Count(own.field("rows"), `"store":"B"`) != 1 {
		t.Errorf("%s", own.body)
	}
	f.one.call("GET", "/reports/stock?store=F", "", f.one.as(station.MobileClient)).refused(403, atoll.Denied)
	if names := f.centre.call("GET", "/reports", "").want(200); strings.Count(names.field("reports"), `"title"`) < 9 {
		t.Errorf("%s", names.body)
	}
}
