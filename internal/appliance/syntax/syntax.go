package syntax

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"
)

const (
	// MaxName is how long a name may be: a host name's label (RFC 1035), which
	// the appliance's name becomes.
	MaxName = 63
	// MaxServiceName leaves room for "app-" in a user name, of which systemd
	// takes 31 characters (the size of ut_user in utmp, less its NUL).
	MaxServiceName = 27
	// MaxVersion keeps the version of two slots in GRUB's environment block of
	// 1024 bytes, and a slot's folder and artifacts within file name limits.
	MaxVersion = 64
	// MaxTitle is what fits on a line of an 80-column console.
	MaxTitle = 72
	// MaxDescription is what vCloud Director imports.
	MaxDescription = 255
)

// Made says whether s has at least one byte and only such bytes.
func Made(s string, of func(c byte) bool) bool {
	for i := range len(s) {
		if !of(s[i]) {
			return false
		}
	}
	return s != ""
}

func IsLower(c byte) bool { return 'a' <= c && c <= 'z' }
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }
func IsAlnum(c byte) bool { return IsLower(c) || IsDigit(c) || 'A' <= c && c <= 'Z' }

// IsName says whether s names an appliance, a service or a variant.
func IsName(s string, most int) bool {
	return len(s) <= most && Made(s, func(c byte) bool { return IsLower(c) || IsDigit(c) || c == '-' }) &&
		IsLower(s[0]) && !strings.HasSuffix(s, "-")
}

func NameHint(most int) string {
	return fmt.Sprintf("a letter, then lower-case letters, digits and dashes, at most %d", most)
}

// IsVersion says whether s is a semantic version without build metadata.
// Two versions that differ only in +build compare equal, and an appliance
// could not tell which is newer.
func IsVersion(s string) bool {
	core, pre, hasPre := strings.Cut(s, "-")
	numbers := strings.Split(core, ".")
	if len(s) > MaxVersion || len(numbers) != 3 {
		return false
	}
	for _, n := range numbers {
		if !isVersionNumber(n) {
			return false
		}
	}
	if !hasPre {
		return true
	}
	for _, id := range strings.Split(pre, ".") {
		if Made(id, IsDigit) && !isVersionNumber(id) {
			return false
		}
		if !Made(id, func(c byte) bool { return IsAlnum(c) || c == '-' }) {
			return false
		}
	}
	return true
}

// isVersionNumber takes what fits in 32 bits, so that every reader can compare.
func isVersionNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 32)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// IsPackage says whether s is the name of a Debian package (Debian Policy
// 5.6.7). A minus at the end is refused although the policy has it: apt takes
// "name-" for "remove name". As the first character is a letter or digit, the
// name can be no option.
func IsPackage(s string) bool {
	return len(s) >= 2 && len(s) <= 128 && (IsLower(s[0]) || IsDigit(s[0])) && !strings.HasSuffix(s, "-") &&
		Made(s, func(c byte) bool { return IsLower(c) || IsDigit(c) || c == '+' || c == '-' || c == '.' })
}

// IsUnit says whether s is the name of a systemd service unit.
func IsUnit(s string) bool {
	name, ok := strings.CutSuffix(s, ".service")
	return ok && len(s) <= 255 && name != "" && IsAlnum(name[0]) && // 255: systemd.unit(5)
		Made(name, func(c byte) bool { return IsAlnum(c) || strings.IndexByte(":_.-@", c) >= 0 })
}

// IsLanguage says whether s looks like a language tag (BCP 47): de, pt-BR.
func IsLanguage(s string) bool {
	for i, part := range strings.Split(s, "-") {
		if len(part) > 8 || !Made(part, IsAlnum) || i == 0 && (len(part) > 3 || len(part) < 2 || !Made(part, IsLower)) {
			return false
		}
	}
	return true
}

// IsVariable says whether s is a portable name of an environment variable.
func IsVariable(s string) bool {
	return Made(s, func(c byte) bool { return IsAlnum(c) || c == '_' }) && !IsDigit(s[0])
}

// IsInside says whether p, cleaned, is a path below the definition's folder.
func IsInside(p string) bool { return p != "." && fs.ValidPath(p) && IsLine(p) }

// IsDataPath says whether p, cleaned, is a folder that may be kept on the data
// disk, in characters that need no quoting in a unit.
func IsDataPath(p string) bool {
	return Made(p, func(c byte) bool { return IsAlnum(c) || strings.IndexByte("/._-+@", c) >= 0 }) &&
		path.IsAbs(p) && (IsBelow(p, "/var") || IsBelow(p, "/srv"))
}

// IsBelow says whether the path p lies inside the folder, not being it.
func IsBelow(p, folder string) bool { return strings.HasPrefix(p, folder+"/") }

// IsLine says whether s can stand on one line of a screen: nothing that moves
// the cursor, reorders text or ends the line.
func IsLine(s string) bool {
	for _, r := range s {
		if !unicode.IsGraphic(r) {
			return false
		}
	}
	return true
}

// CheckURL says what is wrong with a web address, or "".
func CheckURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || !IsLine(s) || strings.ContainsAny(s, " \"'<>`|\\^"):
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must begin with http:// or https://"
	case u.Hostname() == "":
		return "has no host"
	case u.Port() != "" && !IsPort(u.Port()):
		return "has an impossible port"
	case u.User != nil:
		return "holds a user name: it would be readable by everyone who has the appliance"
	}
	return ""
}

// IsPort says whether s is the number of a port.
func IsPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
