package console_test

import (
	"archive/zip"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// TestR_I_12_LogAndFileForSupport: at a site and at the centre a technician reads the
// newest lines of the log without a file of logs having been kept, takes them as a
// file, and takes the file for support, which stands in the audit trail. What went
// wrong is found among the rest; whoever is limited to stores sees none of it.
func TestR_I_12_LogAndFileForSupport(t *testing.T) {
	f := newFleet(t)
	for _, at := range []*face{f.centre, f.one} {
		technician := at.as(station.Technician)
		at.get("/server", technician).want(200).says("The database can be read", "Take the file")
		at.logger.Info("the shelf is full", "site", 2, "took", 92_617_800*time.Nanosecond, "bytes_in", 12_345_678)
		at.logger.Warn("the line is down", "err", errors.New("no route to host"))
		at.get("/server", technician).want(200).says("the shelf is full", "the line is down", "no route to host", "warning", "took=93ms", "bytes_in=12345678")
		at.get("/server?level=warn", technician).want(200).says("the line is down").saysNot("the shelf is full", "page")
		file := at.get("/server/log", technician).want(200)
		if !strings.Contains(file.body, `"msg":"the shelf is full","site":2`) || !strings.Contains(file.Header.Get("Content-Disposition"), ".jsonl") {
			t.Errorf("%v %s", file.Header, file.body)
		}
		taken := at.ask("POST", "/server/support", url.Values{}, technician).want(200)
		z, err := zip.NewReader(strings.NewReader(taken.body), int64(len(taken.body)))
		if err != nil || len(z.File) < 8 || taken.Header.Get("Content-Type") != "application/zip" {
			t.Errorf("%v %v", taken.Header, err)
		}
		at.get("/audit", technician).want(200).says("technician", "Log entry for the centre")
		if err := at.node.LimitUser(t.Context(), "technician", []atoll.ID{at.store}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/server", "/server/log"} {
			at.get(path, at.as(station.Technician)).want(403).saysNot("the line is down")
		}
		at.ask("POST", "/server/support", url.Values{}, at.as(station.Technician)).want(403)
	}
}
