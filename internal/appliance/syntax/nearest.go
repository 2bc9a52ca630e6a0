package syntax

import "strings"

// Nearest is the word of a list, all in lower case, that somebody who wrote
// another one probably meant, or "". One slip in three letters is taken for a
// slip.
func Nearest(word string, known []string) string {
	best, most := "", max(1, len(word)/3)
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d <= most && d < len(k) {
			best, most = k, d-1
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b. It does not look at more than 64 bytes: no
// key is that long.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
