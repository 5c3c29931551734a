package report

// Sum adds up a column, exactly; empty cells are nothing.
func (t *Table) Sum(column int) string {
	var sum amount
	for _, row := range t.Rows {
		sum = sum.plus(number(row[column]))
	}
	return sum.String()
}

// SumBy adds up a column for each value of another. It returns these in the order in
// which they come first; rows without either are left out.
func (t *Table) SumBy(of, column int) (names []string, sums map[string]string) {
	at := map[string]*amount{}
	for _, row := range t.Rows {
		if row[of] == "" || row[column] == "" {
			continue
		}
		a := at[row[of]]
		if a == nil {
			a = new(amount)
			at[row[of]], names = a, append(names, row[of])
		}
		*a = a.plus(number(row[column]))
	}
	sums = make(map[string]string, len(at))
	for name, a := range at {
		sums[name] = a.String()
	}
	return names, sums
}
