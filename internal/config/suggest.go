package config

// suggest asks for the known name that is nearest to a wrong one, and falls
// back on other advice when none is near.
func suggest(wrong string, known []string, otherwise string) string {
	best, name := 1+len(wrong)/3, ""
	for _, candidate := range known {
		if d := distance(wrong, candidate); d < best {
			best, name = d, candidate
		}
	}
	if name == "" {
		return otherwise
	}
	return "did you mean " + name + "?"
}

// distance is Levenshtein's: the least number of bytes to insert, delete or
// replace that turns a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
