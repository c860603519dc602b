package config

// nearest is the name that is most like the given one, if any is like it: a
// third of its letters may differ. Both are compared after fold.
func nearest(given string, names []string, fold func(string) string) string {
	best, least := "", max(1, len(given)/3)+1
	for _, name := range names {
		if name == "*" {
			continue
		}
		if d := distance(fold(given), fold(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour, to make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := [3][]int{}
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
