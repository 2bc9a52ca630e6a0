package modules

import "strings"

// literal is the part of a pattern before its first special character.
func literal(pattern string) string {
	if i := strings.IndexAny(pattern, "*?["); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

// match is fnmatch(3) without flags: * and ? also match slashes, which the
// standard library's patterns do not. There is no escaping in modules.alias.
func match(pattern, s string) bool {
	// On a mismatch, the last * takes one character more.
	star, resume := -1, 0
	p, i := 0, 0
	for i < len(s) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				star, resume = p, i
				p++
				continue
			}
			if n, ok := matchOne(pattern[p:], s[i]); ok {
				p += n
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume++
		p, i = star+1, resume
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches one character against the start of the pattern and tells
// how much of the pattern that was.
func matchOne(pattern string, c byte) (int, bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		end := strings.IndexByte(pattern, ']')
		if end < 0 {
			return 1, c == '['
		}
		set, ok := pattern[1:end], false
		not := strings.HasPrefix(set, "!")
		if not {
			set = set[1:]
		}
		for i := 0; i < len(set); i++ {
			if i+2 < len(set) && set[i+1] == '-' {
				ok = ok || set[i] <= c && c <= set[i+2]
				i += 2
			} else {
				ok = ok || set[i] == c
			}
		}
		return end + 1, ok != not
	default:
		return 1, pattern[0] == c
	}
}
