package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
)

// Views are the views that every database has (R-J-13): one for each record type of
// the catalogue, the operator's own included, with a column for each field that is
// not secret; and a few that join what people ask for most. They show live records
// only, and nothing of synchronisation.
func Views(c *catalogue.Catalogue) []storage.View {
	var out []storage.View
	for _, def := range c.Types() {
		v := storage.View{Name: string(def.Type), Type: string(def.Type), Note: def.Title}
		for _, f := range def.Fields {
			if !f.Secret && f.Name != "id" {
				v.Columns = append(v.Columns, storage.Column{Name: f.Name, JSONField: f.Name, SQLType: sqlType(f.Kind)})
			}
		}
		out = append(out, v)
	}
	for _, v := range joined {
		if _, taken := c.Lookup(atoll.Type(v.Name)); !taken {
			out = append(out, v)
		}
	}
	return out
}

func sqlType(k catalogue.Kind) string {
	switch k {
	case catalogue.Integer:
		return "INTEGER"
	case catalogue.Decimal:
		return "DECIMAL"
	case catalogue.Boolean:
		return "BOOLEAN"
	case catalogue.Object:
		return "JSON"
	case catalogue.Text, catalogue.Date, catalogue.Time, catalogue.Enum, catalogue.Reference:
	}
	return "TEXT"
}

// joined are views made for people, on top of the others.
var joined = []storage.View{
	{
		Name: "item_survivor", Note: "For each item the one that stands for it after merges: itself if it was not merged",
		Columns: columns("id TEXT, survivor_id TEXT"),
		Query: `WITH RECURSIVE step (id, at, depth) AS (
	SELECT id, id, 0 FROM report_item
	UNION ALL
	SELECT s.id, i.merged_into, s.depth + 1 FROM step s JOIN report_item i ON i.id = s.at
	WHERE i.status = 'merged' AND i.merged_into IS NOT NULL AND s.depth < 50
)
SELECT id, at AS survivor_id FROM (SELECT id, at, max(depth) FROM step GROUP BY id)`,
	},
	{
		Name: "stock_on_hand", Note: "Stock lines that are not empty, with names of store and item",
		Columns: columns("id TEXT, store_id TEXT, store_code TEXT, store_name TEXT, item_id TEXT, item_code TEXT, item_name TEXT, batch TEXT, expiry_date TEXT, " +
			"pack_size DECIMAL, packs DECIMAL, available_packs DECIMAL, units REAL, cost_price_per_pack DECIMAL, value REAL"),
		Query: `SELECT l.id AS id, l.store_id AS store_id, s.code AS store_code, s.name AS store_name,
	i.id AS item_id, i.code AS item_code, i.name AS item_name, l.batch AS batch, l.expiry_date AS expiry_date,
	l.pack_size AS pack_size, l.total_number_of_packs AS packs, l.available_number_of_packs AS available_packs,
	l.total_number_of_packs * coalesce(l.pack_size, 1) AS units, l.cost_price_per_pack AS cost_price_per_pack,
	l.total_number_of_packs * coalesce(l.cost_price_per_pack, 0) AS value
FROM report_stock_line l
LEFT JOIN report_item_survivor v ON v.id = l.item_id
LEFT JOIN report_item i ON i.id = coalesce(v.survivor_id, l.item_id)
LEFT JOIN report_store s ON s.id = l.store_id
WHERE l.total_number_of_packs + 0 <> 0`,
	},
	{
		Name: "transfers", Note: "Shipments and returns between stores, with the documents that answer them",
		Columns: columns("id TEXT, kind TEXT, number INTEGER, status TEXT, from_store_id TEXT, from_code TEXT, from_name TEXT, to_store_id TEXT, to_code TEXT, " +
			"to_name TEXT, confirmed_at TEXT, finalised_at TEXT, answer_id TEXT, answer_status TEXT, received_at TEXT"),
		Query: `SELECT o.id AS id, o.kind AS kind, o.number AS number, o.status AS status,
	o.store_id AS from_store_id, f.code AS from_code, f.name AS from_name, o.partner_store_id AS to_store_id, t.code AS to_code, t.name AS to_name,
	o.confirmed_at AS confirmed_at, o.finalised_at AS finalised_at,
	coalesce(a.id, g.id) AS answer_id, coalesce(a.status, g.status) AS answer_status, coalesce(a.confirmed_at, a.finalised_at, g.finalised_at) AS received_at
FROM report_invoice o
LEFT JOIN report_invoice a ON a.originating_id = o.id AND a.kind IN ('supplier_invoice', 'customer_credit')
LEFT JOIN report_goods_received g ON g.originating_id = o.id
LEFT JOIN report_store f ON f.id = o.store_id
LEFT JOIN report_store t ON t.id = o.partner_store_id
WHERE o.kind IN ('customer_invoice', 'supplier_credit') AND o.partner_store_id IS NOT NULL AND o.originating_id IS NULL
	AND o.status IN ('confirmed', 'finalised')`,
	},
	{
		Name: "consumption", Note: "What left each store in a month: to customers, patients and own stores, and by adjustment, in units; what came back is negative",
		Columns: columns("month TEXT, store_id TEXT, store_code TEXT, store_name TEXT, item_id TEXT, item_code TEXT, item_name TEXT, kind TEXT, units REAL"),
		Query: `SELECT m.month AS month, m.store_id AS store_id, s.code AS store_code, s.name AS store_name,
	i.id AS item_id, i.code AS item_code, i.name AS item_name, m.kind AS kind, sum(m.units) AS units
FROM (
	SELECT substr(coalesce(d.backdated_at, d.confirmed_at, d.finalised_at, d.created_at), 1, 7) AS month, d.store_id AS store_id, l.item_id AS item_id,
		CASE WHEN d.kind LIKE 'inventory%' THEN 'adjustments' WHEN d.partner_store_id IS NOT NULL THEN 'transfers' ELSE 'customers' END AS kind,
		CASE l.kind WHEN 'stock_out' THEN 1 ELSE -1 END * l.number_of_packs * coalesce(l.pack_size, 1) AS units
	FROM report_invoice d JOIN report_invoice_line l ON l.invoice_id = d.id
	WHERE d.status IN ('confirmed', 'finalised') AND l.kind IN ('stock_in', 'stock_out')
		AND d.kind IN ('customer_invoice', 'customer_credit', 'inventory_addition', 'inventory_reduction')
	UNION ALL
	SELECT substr(coalesce(d.confirmed_at, d.finalised_at, d.created_at), 1, 7), d.store_id, l.item_id, 'patients', l.number_of_packs * coalesce(l.pack_size, 1)
	FROM report_prescription d JOIN report_prescription_line l ON l.prescription_id = d.id
	WHERE d.status IN ('confirmed', 'finalised') AND l.kind = 'stock_out'
) m
LEFT JOIN report_item_survivor v ON v.id = m.item_id
LEFT JOIN report_item i ON i.id = coalesce(v.survivor_id, m.item_id)
LEFT JOIN report_store s ON s.id = m.store_id
GROUP BY m.month, m.store_id, i.id, m.kind`,
	},
}

// columns declares the columns of a joined view: names with types.
func columns(list string) (out []storage.Column) {
	for one := range strings.SplitSeq(list, ", ") {
		name, kind, _ := strings.Cut(one, " ")
		out = append(out, storage.Column{Name: name, SQLType: kind})
	}
	return out
}

// ViewColumns are the columns of a view, in their order.
func ViewColumns(v storage.View) []storage.Column {
	if v.Query != "" {
		return v.Columns
	}
	return append([]storage.Column{{Name: "id", SQLType: "TEXT"}}, v.Columns...)
}

// WriteViews writes the views as a table of documentation: docs/reporting.md ends
// with what it writes for the built-in types.
func WriteViews(w io.Writer, views []storage.View) error {
	if _, err := fmt.Fprint(w, "| view | what it shows | columns; text where nothing else is said |\n|---|---|---|\n"); err != nil {
		return err
	}
	for _, v := range views {
		var names []string
		for _, c := range ViewColumns(v) {
			name := c.Name
			if c.SQLType != "TEXT" {
				name += " " + strings.ToLower(c.SQLType)
			}
			names = append(names, name)
		}
		if _, err := fmt.Fprintf(w, "| `report_%s` | %s | %s |\n", v.Name, v.Note, strings.Join(names, ", ")); err != nil {
			return err
		}
	}
	return nil
}
