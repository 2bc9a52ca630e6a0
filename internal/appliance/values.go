package appliance

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/formula"
	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// Units of sizes.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

// unit is one way to end a size.
type unit struct {
	name  string
	bytes Size
}

// units lists what a size may end in, the longest names first: "MiB" before
// "B".
func units() []unit {
	return []unit{
		{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
		{"B", 1},
	}
}

// ParseSize reads a whole number with a unit: 192MiB, 1 GiB, 512MB. A number
// alone is refused: one half of its readers would take it for bytes, the other
// for megabytes.
func ParseSize(s string) (Size, error) {
	for _, u := range units() {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(digits, " "), 10, 63)
		if errors.Is(err, strconv.ErrRange) || err == nil && n > uint64(math.MaxInt64/int64(u.bytes)) {
			return 0, fmt.Errorf("the size %s is too large", syntax.Quote(s))
		}
		if err != nil {
			break
		}
		return Size(n) * u.bytes, nil
	}
	return 0, fmt.Errorf("%s is not a size", syntax.Quote(s))
}

// ParseFormula reads a formula whose sizes are those of [ParseSize]. The error
// is a *[formula.Error].
func ParseFormula(text string) (formula.Formula, error) {
	return formula.Parse(text, func(text string) (int64, error) {
		size, err := ParseSize(text)
		return int64(size), err
	})
}

// String is the size as a definition would say it: in the largest binary unit
// that gives a whole number.
func (s Size) String() string {
	if s != 0 {
		for _, u := range units()[:4] {
			if s%u.bytes == 0 {
				return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
			}
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalYAML writes the size with its unit. (Reading YAML is [Load]'s.)
func (s Size) MarshalYAML() (any, error) { return s.String(), nil }

// roundUp is the size as a multiple of step, not less than it was.
func (s Size) roundUp(step Size) Size {
	if rest := s % step; rest != 0 && s <= math.MaxInt64-step {
		s += step - rest
	}
	return s
}

// ParseDuration reads a duration as Go writes it: 10s, 1m30s.
func ParseDuration(s string) (Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s is not a duration", syntax.Quote(s))
	}
	return Duration(d), nil
}

// String is the duration as Go writes it, without trailing zero units.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the duration, in YAML and in JSON.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the duration from JSON. (Reading YAML is [Load]'s.)
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	*d = parsed
	return err
}

// MarshalYAML writes the short form, a file name, where it says the same.
func (e EULA) MarshalYAML() (any, error) {
	if file, ok := e["en"]; ok && len(e) == 1 {
		return file, nil
	}
	return map[string]string(e), nil
}
