// Package catalogue declares the record types of the system: their fields,
// references, data class, who may edit them, where they go and how they merge.
//
// The catalogue is data, not code (R-B-00): YAML files in data, one for each
// domain area, embedded in the binary, and further files in a directory that the
// operator names. A type that nobody classified cannot be stored. The package
// also validates the fields of a record against its type; it knows nothing of
// databases, sites or the network.
package catalogue

import "github.com/atollsync/atoll"

// Class is the data class of a record type (T-35 to T-42).
type Class string

// The classes.
const (
	Central      Class = "central"       // common to all stores, edited on the primary
	CentralStore Class = "central_store" // about one store, edited at the centre or primary
	Store        Class = "store"         // belongs to a store, edited where the store is active
	Patient      Class = "patient"       // patients and prescribers, edited on the home site
	Name         Class = "name"          // hangs on a name, edited on the primary, sent where the name is visible
	Message      Class = "message"       // created on any site, routed by sending and receiving store, never edited
	Local        Class = "local"         // editable anywhere, synchronised nowhere
	Sync         Class = "sync"          // edited at the centre; what follows from it travels, not the record
)

// Classes lists every class.
var Classes = []Class{Central, CentralStore, Store, Patient, Name, Message, Local, Sync}

// Editor says which site may write a record (spec B.0, "who edits").
type Editor string

// The editors.
const (
	ByPrimary Editor = "primary" // C and P: the primary (the centre, in a standard system), or its delegate
	ByCentre  Editor = "centre"  // Z: the central server
	ByActive  Editor = "active"  // A: the site where the record's store is active
	ByHome    Editor = "home"    // H: the home site of the patient or prescriber
	ByAny     Editor = "any"     // any site; for messages: create only
)

// Editors lists every editor.
var Editors = []Editor{ByPrimary, ByCentre, ByActive, ByHome, ByAny}

// Route says where the records of a type go (spec B.0, "where to").
type Route string

// The routes.
const (
	ToAll        Route = "all"        // ALL: every site
	ToDispensary Route = "dispensary" // DISP: sites with an active dispensary store
	ToInstances  Route = "instances"  // SW: every site with an instance of the store
	ToStore      Route = "store"      // ACT and COLL: where the store is active, and its collector copies
	ToActive     Route = "active"     // the site where the store is active, no collector copies
	ToName       Route = "name"       // NVIS: sites with a store in which the name is visible
	ToPatient    Route = "patient"    // PVIS: sites with a store in which the patient or prescriber is visible
	ToMessage    Route = "message"    // MSG: by receiving store
	ToCentre     Route = "centre"     // CTR: the centre only
	ToNobody     Route = "nobody"     // -: stays where it was made
)

// Routes lists every route.
var Routes = []Route{
	ToAll, ToDispensary, ToInstances, ToStore, ToActive, ToName, ToPatient, ToMessage, ToCentre, ToNobody,
}

// Deletion says what deleting a record means.
type Deletion string

// The ways of deletion.
const (
	Tombstone Deletion = "tombstone" // removed, and known to have been removed (R-A-15)
	Soft      Deletion = "soft"      // its status says so; the record stays
	Never     Deletion = "never"     // cannot be deleted
)

// Merging says who may merge two records of the type (R-E-01 to R-E-03).
type Merging string

// The ways of merging.
const (
	NoMerge      Merging = "none"
	MergePrimary Merging = "primary" // names, items, units
	MergeActive  Merging = "active"  // locations
	MergeHome    Merging = "home"    // patients, prescribers
)

// Kind is the kind of a field's value.
type Kind string

// The kinds of field.
const (
	Text      Kind = "text"      // a JSON string
	Integer   Kind = "integer"   // a whole JSON number
	Decimal   Kind = "decimal"   // a JSON number whose text is kept exactly (R-A-19)
	Boolean   Kind = "boolean"   // true or false
	Date      Kind = "date"      // a JSON string, YYYY-MM-DD
	Time      Kind = "time"      // a JSON string, RFC 3339
	Enum      Kind = "enum"      // a JSON string out of Values
	Reference Kind = "reference" // a JSON string: the id of a record of type To
	Object    Kind = "object"    // any JSON value
)

// Kinds lists every kind.
var Kinds = []Kind{Text, Integer, Decimal, Boolean, Date, Time, Enum, Reference, Object}

// Field declares one field of a record type. The keys of the files are the JSON
// names.
type Field struct {
	Name     string     `json:"name"`
	Kind     Kind       `json:"kind"`
	Required bool       `json:"required,omitempty"`
	To       atoll.Type `json:"to,omitempty"`       // of a reference
	Values   []string   `json:"values,omitempty"`   // of an enum
	Parent   bool       `json:"parent,omitempty"`   // a reference to the record this one is part of (line to document): a reader waits for it
	Index    bool       `json:"index,omitempty"`    // lists may filter by it
	Fixed    bool       `json:"fixed,omitempty"`    // cannot change after the record is made
	Identity bool       `json:"identity,omitempty"` // of a reference: there is one record for each that it may name; a merge gives it to no other
	Max      int        `json:"max,omitempty"`      // bytes of text; 4,000 when zero
	Secret   bool       `json:"secret,omitempty"`   // never in logs, lists or exports
	Since    int        `json:"since,omitempty"`    // catalogue version that brought it; 1 when zero
	Note     string     `json:"note,omitempty"`
}

// Def declares one record type.
type Def struct {
	Type  atoll.Type `json:"type"`
	Area  string     `json:"area"` // the file it comes from, such as "items"
	Title string     `json:"title"`
	// Own marks a type that the operator declared.
	Own bool `json:"own,omitempty"`
	// Since is the catalogue version that brought the type; 1 when zero.
	Since int `json:"since,omitempty"`
	// Rows are the rows of the behaviour specification it comes from, such as
	// "R-B-01". An operator's own types have none.
	Rows  []string `json:"rows,omitempty"`
	Class Class    `json:"class"`
	// Editor is who may write it; Mirrored is who may in a mirrored system, where
	// primary and centre are two sites (ByPrimary covers both in most types).
	Editor   Editor `json:"editor"`
	Mirrored Editor `json:"mirrored"` // Editor when empty
	Route    Route  `json:"route"`
	// Also are further routes of the type, such as a prescription's to the sites
	// where the patient is visible when a preference says so; named by exception.
	Also []Exception `json:"also,omitempty"`
	// Scope names the field that holds the store which decides owner and route,
	// for classes store and central_store; the field with the patient (or
	// prescriber, or name) for classes patient and name: "id" when the record is
	// itself the store, patient or name.
	Scope string `json:"scope,omitempty"`
	// Home names the field with the home store, on patients and prescribers
	// themselves. Types that hang on a patient take it from the record in Scope.
	Home string `json:"home,omitempty"`
	// Partner names the field with the store a document is addressed to once it
	// has taken effect (R-D-19). Such a record also goes to that store's site.
	Partner string `json:"partner,omitempty"`
	// Stock marks stock-affecting data, which stays at the site of a dispensary
	// that excludes its transactions (R-B-92).
	Stock bool `json:"stock,omitempty"`
	// Mobile is set on the types that a mobile client may send (R-B-104).
	Mobile *Mobile `json:"mobile,omitempty"`
	// Settled names the fields with the times at which a document was settled, such
	// as finalised_at. Of documents settled long ago a site may ask to be spared on
	// its first load (R-H-26); one with none of these times is never old.
	Settled  []string `json:"settled,omitempty"`
	Deletion Deletion `json:"deletion"`
	Merge    Merging  `json:"merge"` // none when empty
	// Joins names the fields that say what a row joins: two rows that name the same
	// are one, and where a merge makes two of them one stays (R-E-13).
	Joins  []string `json:"joins,omitempty"`
	Fields []Field  `json:"fields"`          // in the file: a mapping, in its order
	Label  string   `json:"label,omitempty"` // the field that names a record to a person
	Note   string   `json:"note,omitempty"`

	byName map[string]int // place in Fields; set when the type is loaded
}

// Mobile says what a mobile client may send of a type (R-B-104).
type Mobile struct {
	Name string          `json:"name"`           // what mobile clients call the type, such as "ItemBatch"
	Only MobileCondition `json:"only,omitempty"` // what must hold besides; empty: nothing
	Note string          `json:"note,omitempty"`
}

// MobileCondition is a further condition on what a mobile client may send.
type MobileCondition string

// OnlyOwnStore lets a client send records whose home store is the client's own.
const OnlyOwnStore MobileCondition = "own_store"

// MobileConditions lists every condition.
var MobileConditions = []MobileCondition{OnlyOwnStore}

// Exception is a named departure from a type's route or editor, decided by a
// preference or a setting.
type Exception struct {
	// Name is one of the closed list Exceptions, which the code of route and
	// authority knows.
	Name string `json:"name"`
	Note string `json:"note"` // what it means, in a sentence
	// What holds instead while the exception is in force (R-B-80); empty where
	// nothing changes. For a further route, such as a prescription's to the sites
	// that see its patient, Adds is set and Route comes in addition.
	Class  Class  `json:"class,omitempty"`
	Editor Editor `json:"editor,omitempty"`
	Route  Route  `json:"route,omitempty"`
	Adds   bool   `json:"adds,omitempty"`
}

// The exceptions that route and authority know.
const (
	CentralProcurement      = "centralised_procurement"  // R-B-25, R-B-99: the primary owns orders
	CentralPayments         = "centralised_payments"     // R-B-27, R-B-102
	PrescriptionsEverywhere = "prescriptions_everywhere" // R-B-95
	RepeatsEverywhere       = "repeats_everywhere"       // R-B-97
	IncludeTransactions     = "include_transactions"     // R-B-92: excluded, the data stays
	ProposalsByStores       = "proposals_by_stores"      // barcodes
	ChangeRequests          = "change_requests"          // X-16, R-G-10: others ask, the owner decides
	CreatedAtSites          = "created_at_sites"         // R-B-35, R-B-60: sites create, later edits elsewhere
	OfferedByCentre         = "offered_by_centre"        // R-G-44: the centre makes it in a site's name
	HomeSites               = "home_sites"               // R-G-42: also to the old and the new home site
	OrderingSite            = "ordering_site"            // R-D-72: what answers an order goes to its owner
	NamesOfStores           = "names_of_stores"          // R-C-22: the primary makes them, whoever edits names
)

// Exceptions lists every exception.
var Exceptions = []string{
	CentralProcurement, CentralPayments, PrescriptionsEverywhere, RepeatsEverywhere, IncludeTransactions,
	ProposalsByStores, ChangeRequests, CreatedAtSites, OrderingSite, OfferedByCentre, HomeSites,
	NamesOfStores,
}

// Field returns the declaration of a field.
func (d *Def) Field(name string) (Field, bool) {
	if d.byName != nil {
		i, ok := d.byName[name]
		if !ok {
			return Field{}, false
		}
		return d.Fields[i], true
	}
	for _, f := range d.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Except returns the exception of that name, when the type has it.
func (d *Def) Except(name string) (Exception, bool) {
	for _, e := range d.Also {
		if e.Name == name {
			return e, true
		}
	}
	return Exception{}, false
}

// defaultMax bounds text that declares no bound of its own.
const defaultMax = 4000

// Limit returns the most bytes that a text field may have.
func (f Field) Limit() int {
	if f.Max > 0 {
		return f.Max
	}
	return defaultMax
}
