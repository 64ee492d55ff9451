package splitter

import (
	"slices"
	"strings"
)

// Nearest picks up to three of the names that look most like what was asked for,
// best first: those within about a third of its length in edits, or that contain it.
func Nearest(asked string, names []string) []string {
	type candidate struct {
		name string
		cost int
	}
	var found []candidate
	for _, name := range names {
		cost := edits(asked, name)
		if strings.Contains(name, asked) || strings.Contains(asked, name) {
			cost = min(cost, 1)
		}
		if cost <= max(1, (len(asked)+1)/3) {
			found = append(found, candidate{name, cost})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		if a.cost != b.cost {
			return a.cost - b.cost
		}
		return strings.Compare(a.name, b.name)
	})
	var best []string
	for _, c := range found[:min(3, len(found))] {
		best = append(best, c.name)
	}
	return best
}

// edits is Levenshtein's distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
