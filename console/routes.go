package console

import (
	"net/http"

	"github.com/atollsync/atoll/station"
)

// place is where a page exists.
type place int

// The places.
const (
	anywhere place = iota + 1
	atSite
	atCentre
)

// anyone is the power of pages that need no sign-in, signedIn of those that every
// user may see.
const (
	anyone   = station.Power("")
	signedIn = station.MayRead
)

// route is one page, or one thing that a page does.
type route struct {
	method, path string
	power        station.Power
	at           place
	serve        func(*console, *Visit) error
	menu         string // the words' key in the navigation, empty if it is not there
	body         int64  // bytes that a request may have; smallBody when zero
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// routes is everything that can be asked of the console, each with the power it
// needs. The navigation shows what has words for it, in this order, to those who
// have the power. A test walks the table with every role.
func routes() []route {
	return []route{
		{get, "/{$}", signedIn, anywhere, (*console).home, "", 0},
		{get, "/sign-in", anyone, anywhere, (*console).signInPage, "", 0},
		{post, "/sign-in", anyone, anywhere, (*console).signIn, "", smallBody},
		{post, "/sign-out", anyone, anywhere, (*console).signOut, "", 0},
		{get, "/me", signedIn, anywhere, (*console).me, "", 0},
		{post, "/look", anyone, anywhere, (*console).look, "", 0},

		// The first page.
		{get, "/today", station.MayRead, anywhere, (*console).today, "menu.today", 0},

		// Work at a store.
		{get, "/work", station.MayRead, anywhere, (*console).workPage, "menu.work", 0},
		{get, "/work/{work}", station.MayRead, anywhere, (*console).workList, "", 0},
		{post, "/work/{work}", station.MayEdit, anywhere, (*console).makeWork, "", recordBody},
		{get, "/work/{work}/new", station.MayEdit, anywhere, (*console).newWork, "", 0},
		{post, "/records/{type}/{id}/act", station.MayEdit, anywhere, (*console).actOnDocument, "", 0},
		{post, "/records/{type}/{id}/lines", station.MayEdit, anywhere, (*console).changeLines, "", recordBody},

		// A site: its synchronisation.
		{get, "/sync", station.MayRead, atSite, (*console).syncPage, "menu.sync", 0},
		{get, "/sync/events", station.MayRead, atSite, (*console).syncEvents, "", 0},
		{post, "/sync/now", station.MayRead, atSite, (*console).syncNow, "", 0},
		{post, "/sync/settings", station.MaySync, atSite, (*console).syncSettings, "", 0},

		// What is where, and on its way.
		{get, "/find", station.MayRead, anywhere, (*console).find, "", 0},
		{get, "/reports", station.MayRead, anywhere, (*console).reportList, "menu.reports", 0},
		{get, "/reports/{name}", station.MayRead, anywhere, (*console).reportPage, "", 0},
		{get, "/reports/{name}/file", station.MayRead, anywhere, (*console).reportFile, "", 0},
		{get, "/transfers", station.MayRead, anywhere, (*console).transfers, "menu.transfers", 0},

		// The central server.
		{get, "/fleet", station.MaySync, atCentre, (*console).fleet, "menu.fleet", 0},
		{get, "/fleet/map", station.MaySync, atCentre, (*console).siteMap, "", 0},
		{get, "/fleet.csv", station.MaySync, atCentre, (*console).fleetFile, "", 0},
		{get, "/fleet/{site}", station.MaySync, atCentre, (*console).sitePage, "", 0},
		{post, "/fleet/{site}/pause", station.MaySync, atCentre, (*console).pauseSite, "", 0},
		{post, "/fleet/{site}/order", station.MaySync, atCentre, (*console).orderSite, "", 0},
		{get, "/quarantine", station.MaySync, atCentre, (*console).quarantine, "menu.quarantine", 0},
		{post, "/quarantine", station.MaySync, atCentre, (*console).retryCause, "", 0},
		{get, "/quarantine/{id}", station.MaySync, atCentre, (*console).refusal, "", 0},
		{post, "/quarantine/{id}", station.MaySync, atCentre, (*console).decide, "", 0},
		{get, "/jobs", station.MaySync, atCentre, (*console).jobs, "menu.jobs", 0},
		{post, "/jobs", station.MaySync, atCentre, (*console).startJob, "", 0},
		{post, "/jobs/{job}/abort", station.MaySync, atCentre, (*console).abortJob, "", 0},
		{post, "/moves/{job}/abort", station.MayConfigure, atCentre, (*console).abortMove, "", 0},
		{post, "/moves/{job}/again", station.MayConfigure, atCentre, (*console).repeatMove, "", 0},
		{get, "/enrolment", station.MayConfigure, atCentre, (*console).enrolment, "menu.enrolment", 0},
		{post, "/enrolment", station.MayConfigure, atCentre, (*console).addSite, "", 0},
		{post, "/enrolment/revoke", station.MayConfigure, atCentre, (*console).revoke, "", 0},
		{post, "/fleet/{site}/code", station.MayConfigure, atCentre, (*console).newCode, "", 0},
		{get, "/mail", station.MayConfigure, atCentre, (*console).mail, "", 0},
		{post, "/mail", station.MayConfigure, atCentre, (*console).setMail, "", 0},
		{post, "/mail/test", station.MayConfigure, atCentre, (*console).testMail, "", 0},
		{post, "/stores/unlock", station.MaySync, atCentre, (*console).unlock, "", 0},
		{post, "/stores/{store}/change", station.MayConfigure, atCentre, (*console).changeStore, "", 0},
		{post, "/delegations", station.MayConfigure, atCentre, (*console).changeRight, "", 0},

		// Both.
		{get, "/stores", station.MayRead, anywhere, (*console).stores, "menu.stores", 0},
		{get, "/stores/{store}", station.MayRead, anywhere, (*console).storePage, "", 0},
		{get, "/visibility", station.MayRead, anywhere, (*console).visibility, "", 0},
		{get, "/delegations", station.MayRead, anywhere, (*console).delegations, "menu.rights", 0},
		{get, "/audit", station.MaySync, anywhere, (*console).audit, "menu.audit", 0},
		{get, "/server", station.MaySync, anywhere, (*console).server, "menu.server", 0},
		{get, "/server/log", station.MaySync, anywhere, (*console).logFile, "", 0},
		{post, "/server/support", station.MaySync, anywhere, (*console).supportFile, "", 0},
		{get, "/records", station.MayRead, anywhere, (*console).recordTypes, "menu.records", 0},
		{get, "/records/{type}", station.MayRead, anywhere, (*console).recordList, "", 0},
		{post, "/records/{type}", station.MayEdit, anywhere, (*console).saveNew, "", recordBody},
		{get, "/choose/{type}/{field}", station.MayEdit, anywhere, (*console).choices, "", 0},
		{get, "/new/{type}", station.MayEdit, anywhere, (*console).newRecord, "", 0},
		{get, "/records/{type}/{id}", station.MayRead, anywhere, (*console).recordPage, "", 0},
		{post, "/records/{type}/{id}", station.MayEdit, anywhere, (*console).saveRecord, "", recordBody},
		{get, "/records/{type}/{id}/edit", station.MayEdit, anywhere, (*console).editRecord, "", 0},
	}
}
