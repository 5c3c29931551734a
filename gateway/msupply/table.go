package msupply

import (
	"slices"

	"github.com/atollsync/atoll"
)

// table says how one of their tables translates.
type table struct {
	name string
	// makes are the types a record can become; the first unless kind says another.
	makes []atoll.Type
	// extras are types of which a record makes one more, under its key and the
	// type's name: a programme beside its master list.
	extras []atoll.Type
	// kind chooses the type, or refuses the record.
	kind func(*row) atoll.Type
	// fields are the keys that are carried as they are.
	fields []field
	// also does what a list of fields cannot say.
	also func(*row)
}

// field carries one of their keys to one of our fields, as the kind of our field
// wants it. A key that is missing, empty or unreadable leaves the field absent.
type field struct {
	theirs, ours string
	// words are theirs for our enum's values.
	words map[string]string
}

// tables are all tables with a translation. Those of one area are in one file.
var tables = slices.Concat(
	itemTables,
	nameTables,
	storeTables,
	listTables,
	financeTables,
	stockTables,
	invoiceTables,
	requisitionTables,
	procurementTables,
	dispensaryTables,
	coldChainTables,
	numberTables,
	userTables,
)

// maker is a table that can make a type: of its records, or beside them.
type maker struct {
	table string
	extra bool
}

// directory finds a table by its name, and the tables that can make a type.
type directory struct {
	tables map[string]*table
	makers map[atoll.Type][]maker
}

func direct(all []table) directory {
	d := directory{make(map[string]*table, len(all)), map[atoll.Type][]maker{}}
	for i := range all {
		t := &all[i]
		d.tables[t.name] = t
		for _, k := range t.makes {
			d.makers[k] = append(d.makers[k], maker{t.name, false})
		}
		for _, k := range t.extras {
			d.makers[k] = append(d.makers[k], maker{t.name, true})
		}
	}
	return d
}

// identity is the id of what a record of theirs becomes.
func identity(table, key string) atoll.ID { return atoll.DeriveID(system, table, key) }

// extraKey is the key under which a further record is noted.
func extraKey(key, suffix string) string { return key + "#" + suffix }

// The reasons why a record is kept instead of translated. They are stable: they
// are in foreign_record.why, and counted in reports.
const (
	whyRemainder = "remainder"  // translated, but for these keys
	whyEmpty     = "empty_keys" // the pattern of keys that were there and empty
	whyTable     = "no_table"   // there is no translation for the table
	whyKind      = "no_kind"    // the table is known; a record of this kind is not
	whyShape     = "unreadable" // it is no object, or ambiguous
	whySchema    = "schema"     // what it becomes is against the catalogue
	whyReference = "reference"  // what it is part of, or about, is not there
	whyDeleted   = "deleted"    // it was deleted there, and cannot be here
	whyHere      = "deleted_here"
	whyIdentity  = "identity" // it was imported as something else before
	whyRefused   = "refused"  // a business rule or an owner is against it
)
