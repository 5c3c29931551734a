// Package plan turns the answers of the checklist for growing from one computer to
// a system of sites into what is to be made: sites, stores, who sees whom, and
// preferences (R-H-51). It is pure: answers and the present topology in, steps out.
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/atollsync/atoll/topology"
)

// Answers are what the checklist asks.
type Answers struct {
	Server Server  `json:"server"`
	Stores []Store `json:"stores"`
	// SiblingsTransfer lets stores with one supplier trade with each other.
	SiblingsTransfer bool `json:"siblings_transfer,omitempty"`
	// CentralProcurement and CentralPayments have orders and payments entered at the
	// primary.
	CentralProcurement bool `json:"central_procurement,omitempty"`
	CentralPayments    bool `json:"central_payments,omitempty"`
}

// Server are the questions about the place of the central server.
type Server struct {
	MostlyOnline bool `json:"mostly_online,omitempty"` // most places have internet most of the time
	FixedAddress bool `json:"fixed_address,omitempty"` // the head office has a fixed address
	OpenPorts    bool `json:"open_ports,omitempty"`    // and ports can be opened there
	FastInternet bool `json:"fast_internet,omitempty"` // its internet is fast
}

// Store is the survey of one store.
type Store struct {
	Code       string `json:"code"`
	Name       string `json:"name,omitempty"`
	Dispensary bool   `json:"dispensary,omitempty"`
	Place      string `json:"place,omitempty"`
	Internet   string `json:"internet"`          // always, daily, weekly, none
	Power      string `json:"power,omitempty"`   // reliable, interrupted, none
	Devices    int    `json:"devices,omitempty"` // how many at once; 1 when 0
	Product    string `json:"product,omitempty"` // centre, server, desktop, mobile, open; chosen when empty
	// Site is the name of the site that the store is on, for stores that share one;
	// the store's own when empty.
	Site string `json:"site,omitempty"`
	// Suppliers are the codes of the stores that it orders from.
	Suppliers []string `json:"suppliers,omitempty"`
	// PrescriptionsAtCentre says whether a dispensary's prescriptions are wanted at
	// the centre; yes when nil.
	PrescriptionsAtCentre *bool  `json:"prescriptions_at_centre,omitempty"`
	Users                 []User `json:"users,omitempty"`
}

// User is a person who will work at a store's site.
type User struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// Verb is what a step does.
type Verb string

// The verbs.
const (
	AddStore     Verb = "store"        // A: code, B: name
	AddSite      Verb = "site"         // A: name, B: kind
	Assign       Verb = "assign"       // A: store, B: site
	Visible      Verb = "visible"      // A and B: stores
	Transactions Verb = "transactions" // A: the dispensary whose transactions stay
	Preference   Verb = "preference"   // A: key
)

// Step is one thing to be made.
type Step struct {
	Do         Verb   `json:"do"`
	A          string `json:"a"`
	B          string `json:"b,omitempty"`
	Dispensary bool   `json:"dispensary,omitempty"`
	Words      string `json:"words"`
	Done       bool   `json:"done,omitempty"` // it is there already
}

// Plan is what follows from the answers.
type Plan struct {
	// Advice says where the central server should stand, and why.
	Advice string `json:"advice"`
	Steps  []Step `json:"steps"`
	// ToDo is left to people: what no program can do, or what is done elsewhere.
	ToDo []string `json:"todo,omitempty"`
	// Problems must be answered otherwise before anything is made.
	Problems []string `json:"problems,omitempty"`
}

// Make works the plan out. Steps that t shows as done are marked so; a plan may be
// made and carried out again.
func Make(a Answers, t *topology.Topology) Plan {
	p := &Plan{}
	mirrored := p.advise(a.Server)
	products := map[string]string{} // site → product
	codes := map[string]bool{}
	for _, s := range a.Stores {
		if s.Code == "" || codes[s.Code] {
			p.problem("store %q has no code, or one that another store has", cmp.Or(s.Code, s.Name))
		}
		codes[s.Code] = true
	}
	on := map[string][]string{} // site → stores
	for _, s := range a.Stores {
		p.store(s, codes, products, on)
	}
	if mirrored {
		p.step(Step{Do: AddSite, A: "Primary", B: string(topology.Mirror), Words: "make site Primary, a mirror, which will edit central data"})
		p.todo("put a store on site Primary, let it enrol and receive its data, then: atoll job primary SITE")
	}
	p.trade(a)
	if a.CentralProcurement {
		p.step(Step{Do: Preference, A: "centralised_procurement", Words: "orders to outside suppliers are entered at the primary"})
	}
	if a.CentralPayments {
		p.step(Step{Do: Preference, A: "centralised_payments", Words: "payments are entered at the primary"})
	}
	order := []Verb{AddStore, AddSite, Assign, Visible, Transactions, Preference}
	slices.SortStableFunc(p.Steps, func(x, y Step) int { return slices.Index(order, x.Do) - slices.Index(order, y.Do) })
	p.mark(t)
	return *p
}

func (p *Plan) step(s Step) { p.Steps = append(p.Steps, s) }
func (p *Plan) todo(format string, args ...any) {
	p.ToDo = append(p.ToDo, fmt.Sprintf(format, args...))
}

func (p *Plan) problem(format string, args ...any) {
	p.Problems = append(p.Problems, fmt.Sprintf(format, args...))
}

// advise chooses the place of the central server: one server at the head office
// where most places are online and can reach it; one in the cloud where the line of
// the head office carries that; else a primary at the head office and the centre in
// the cloud.
func (p *Plan) advise(s Server) (mirrored bool) {
	switch {
	case s.MostlyOnline && s.FixedAddress && s.OpenPorts:
		p.Advice = "one server at the head office, centre and primary in one: most places are online, and can reach it at its fixed address"
	case s.FastInternet:
		p.Advice = "one server in the cloud, centre and primary in one: the internet of the head office is fast enough to work over it"
	default:
		p.Advice = "the centre in the cloud, and a primary at the head office: places reach the cloud, and the head office works on without internet"
		mirrored = true
	}
	return mirrored
}

func (p *Plan) store(s Store, codes map[string]bool, products map[string]string, on map[string][]string) {
	name := cmp.Or(s.Name, s.Code)
	p.step(Step{Do: AddStore, A: s.Code, B: name, Dispensary: s.Dispensary, Words: fmt.Sprintf("make store %s, %s", s.Code, name)})
	for _, from := range s.Suppliers {
		if !codes[from] {
			p.problem("%s is supplied by %s, which is not among the stores", s.Code, from)
		}
	}
	product := cmp.Or(s.Product, choose(s))
	switch s.Internet {
	case "always", "daily", "weekly":
	case "none":
		p.todo("%s has no internet: carry its data by file (atoll site export), or take its device to a place with internet for an hour each week", name)
	default:
		p.problem("internet at %s is %q; answer always, daily, weekly or none", s.Code, s.Internet)
	}
	if s.Power == "interrupted" && product != "mobile" {
		p.todo("%s: power fails; give its machine a battery that lasts until it has shut down", name)
	}
	if s.Dispensary && s.PrescriptionsAtCentre != nil && !*s.PrescriptionsAtCentre {
		p.step(Step{Do: Transactions, A: s.Code, Words: fmt.Sprintf("transactions of %s stay at its site", s.Code)})
		p.todo("%s: the centre will hold no copy of its transactions; see to backups there", name)
	}
	site := cmp.Or(s.Site, name)
	for _, u := range s.Users {
		where := "site " + site
		if product == "centre" {
			where = "the centre"
		}
		p.todo("at %s: atoll user add %s --role %s", where, u.Name, u.Role)
	}
	if product == "centre" {
		if s.Internet != "always" {
			p.problem("%s works at the centre over the internet, but has it %s only", s.Code, s.Internet)
		}
		return // a new store is active at the centre
	}
	if !slices.Contains([]string{"server", "desktop", "mobile", "open"}, product) {
		p.problem("product of %s is %q; answer centre, server, desktop, mobile or open", s.Code, product)
		return
	}
	if other, known := products[site]; known && other != product {
		p.problem("stores on site %s are to run on %s and on %s", site, other, product)
	}
	if len(on[site]) > 0 && product == "mobile" {
		p.problem("site %s is mobile and has one store only: %s, not also %s", site, on[site][0], s.Code)
	}
	if len(on[site]) == 0 {
		p.step(Step{Do: AddSite, A: site, B: product, Words: fmt.Sprintf("make site %s, a %s site", site, product)})
		p.todo("on the machine of site %s: atoll init site, then: atoll enrol TICKET", site)
	}
	products[site] = product
	on[site] = append(on[site], s.Code)
	p.step(Step{Do: Assign, A: s.Code, B: site, Words: fmt.Sprintf("make %s active on site %s", s.Code, site)})
}

// choose picks a product from the survey.
func choose(s Store) string {
	switch {
	case s.Power == "none":
		return "mobile"
	case s.Internet == "always" && s.Power != "interrupted":
		return "centre"
	case s.Devices > 1:
		return "server"
	}
	return "desktop"
}

// trade makes suppliers and customers visible to each other, and siblings if they
// may trade.
func (p *Plan) trade(a Answers) {
	pairs := map[[2]string]bool{}
	add := func(x, y, words string) {
		pair := [2]string{min(x, y), max(x, y)}
		if x == y || pairs[pair] {
			return
		}
		pairs[pair] = true
		p.step(Step{Do: Visible, A: pair[0], B: pair[1], Words: words})
	}
	customers := map[string][]string{}
	for _, s := range a.Stores {
		for _, from := range s.Suppliers {
			add(s.Code, from, fmt.Sprintf("%s and %s see each other: %s supplies %s", from, s.Code, from, s.Code))
			customers[from] = append(customers[from], s.Code)
		}
	}
	if !a.SiblingsTransfer {
		return
	}
	for _, s := range a.Stores {
		of := customers[s.Code]
		for i, x := range of {
			for _, y := range of[i+1:] {
				add(x, y, fmt.Sprintf("%s and %s see each other: both are supplied by %s", x, y, s.Code))
			}
		}
	}
}

// mark marks what is there already, and finds what contradicts it.
func (p *Plan) mark(t *topology.Topology) {
	stores := map[string]topology.Store{}
	for _, s := range t.Stores() {
		stores[s.Code] = s
	}
	sites := map[string]topology.Site{}
	for _, s := range t.Sites() {
		sites[s.Name] = s
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		a, hasA := stores[s.A]
		switch s.Do {
		case AddStore:
			s.Done = hasA
		case AddSite:
			site, there := sites[s.A]
			if s.Done = there; there && site.Kind != topology.Kind(s.B) {
				p.problem("site %s is there already, as a %s site", s.A, site.Kind)
			}
		case Assign:
			site, there := sites[s.B]
			s.Done = hasA && there && a.Site == site.ID
			if hasA && !s.Done && a.Site != t.Centre() {
				p.problem("%s is active on site %d; move it with: atoll move start", s.A, a.Site)
			}
		case Visible:
			b, hasB := stores[s.B]
			s.Done = hasA && hasB && t.Visible(a.ID, b.ID)
		case Transactions:
			s.Done = hasA && a.Excluded
		case Preference:
			s.Done = t.Prefers(s.A)
		}
	}
}

// String is the plan as a list for people.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Central server: %s.\n", p.Advice)
	for _, s := range p.Problems {
		fmt.Fprintf(&b, "  PROBLEM  %s\n", s)
	}
	for _, s := range p.Steps {
		mark := "to make"
		if s.Done {
			mark = "there"
		}
		fmt.Fprintf(&b, "  %-8s %s\n", mark, s.Words)
	}
	for _, s := range p.ToDo {
		fmt.Fprintf(&b, "  by hand  %s\n", s)
	}
	return b.String()
}
