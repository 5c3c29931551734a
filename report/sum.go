package report

import "slices"

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
	names, all := t.sums(of, column)
	sums = make(map[string]string, len(names))
	for i, name := range names {
		sums[name] = all[i].String()
	}
	return names, sums
}

// Largest is SumBy for the largest sums alone, the largest first; rest is what all others
// come to, and others how many these are.
func (t *Table) Largest(of, column, most int) (names []string, sums map[string]string, rest string, others int) {
	all, amounts := t.sums(of, column)
	var top []int // in falling order; of equal ones the first first
	var left amount
	for i, x := range amounts {
		at := len(top)
		for at > 0 && x.minus(amounts[top[at-1]]).sign() > 0 {
			at--
		}
		if at == most {
			left = left.plus(x)
			continue
		}
		top = slices.Insert(top, at, i)
		if len(top) > most {
			left = left.plus(amounts[top[most]])
			top = top[:most]
		}
	}
	sums = make(map[string]string, len(top))
	for _, i := range top {
		names, sums[all[i]] = append(names, all[i]), amounts[i].String()
	}
	return names, sums, left.String(), len(all) - len(top)
}

func (t *Table) sums(of, column int) (names []string, sums []amount) {
	most := min(len(t.Rows), 1<<17) // growing costs more than room that is not needed
	names, sums = make([]string, 0, most), make([]amount, 0, most)
	at := make(map[string]int, most)
	for _, row := range t.Rows {
		if row[of] == "" || row[column] == "" {
			continue
		}
		i, known := at[row[of]]
		if !known {
			i = len(names)
			at[row[of]], names, sums = i, append(names, row[of]), append(sums, amount{})
		}
		sums[i] = sums[i].plus(number(row[column]))
	}
	return names, sums
}
