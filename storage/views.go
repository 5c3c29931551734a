package storage

// View declares a view for reports and BI tools (R-J-13): the live records of one
// type with proper columns, or what a query makes of other views. In the database
// its name begins with "report_".
type View struct {
	Name    string
	Type    string // the record type; its id stands before the columns
	Columns []Column
	// Query is what the view selects instead, from other views and nothing else.
	Query string
	// Note says in a sentence what the view shows.
	Note string
}

// Column is one column of a View: a field of the record's body.
type Column struct {
	Name      string // not "id"
	JSONField string
	// SQLType says how the value is shown. TEXT and DECIMAL show a number with
	// the digits it was written with (1.50 stays 1.50); INTEGER and REAL
	// calculate; BOOLEAN is 1 or 0; JSON shows lists and objects as they are.
	SQLType string
}
