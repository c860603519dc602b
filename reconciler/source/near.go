package source

import (
	"cmp"
	"slices"
	"strings"
)

// maxNear is how many names a hint holds.
const maxNear = 5

// maxCompared bounds how many names are looked at for a hint.
const maxCompared = 1000

// near returns the names most like name, the likest first.
func near(name string, names []string) []string {
	type scored struct {
		name  string
		score int
	}
	all := make([]scored, 0, min(len(names), maxCompared))
	for _, n := range names[:min(len(names), maxCompared)] {
		all = append(all, scored{n, distance(strings.ToLower(name), strings.ToLower(n))})
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Or(a.score-b.score, strings.Compare(a.name, b.name)) })
	out := make([]string, 0, maxNear)
	for _, s := range all[:min(len(all), maxNear)] {
		out = append(out, s.name)
	}
	return out
}

// distance is the edit distance (Levenshtein) of two short strings.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
