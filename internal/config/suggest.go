package config

// suggest asks for the known name that is nearest to a wrong one, and falls
// back on other advice when none is near.
func suggest(wrong string, known []string, otherwise string) string {
	name, best := "", 0
	for _, candidate := range known {
		start := sharedWords(wrong, candidate)
		d := distance(wrong[start:], candidate[start:])
		// One letter in three may be wrong, and one more.
		if d > 1+(len(wrong)-start)/3 || (name != "" && d >= best) {
			continue
		}
		name, best = candidate, d
	}
	if name == "" {
		return otherwise
	}
	return "did you mean " + name + "?"
}

// sharedWords returns how long the whole words are that both names begin with:
// a section, or the prefix of our variables, is no likeness.
func sharedWords(a, b string) int {
	length := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		if a[i] == '.' || a[i] == '_' {
			length = i + 1
		}
	}
	return length
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
