package formats

import (
	"strconv"
	"strings"
	"time"
)

// Format is how dates and numbers are written somewhere, under a language
// tag and a title. What is written follows the medium forms of the Unicode
// CLDR where those are numbers or English.
type Format struct {
	Tag, Title string
	// date and clock are layouts of package time; between joins them.
	date, between, clock string
	// group separates thousands, from the number of digits that begin to be
	// separated; decimal separates the fraction.
	group   string
	from    int
	decimal string
}

// noBreak is a space at which no line ends. The narrow one that some formats
// would have is not in the fonts of the kernel's console, nor is the curved
// apostrophe.
const noBreak = "\u00a0"

// All are the formats that are known.
func All() []Format {
	const day, half = "15:04", "3:04 PM"
	return []Format{
		{"en-GB", "English (United Kingdom)", "2 Jan 2006", ", ", day, ",", 4, "."},
		{"en-US", "English (United States)", "Jan 2, 2006", ", ", half, ",", 4, "."},
		{"de-DE", "Deutsch (Deutschland)", "02.01.2006", ", ", day, ".", 4, ","},
		{"de-AT", "Deutsch (Österreich)", "02.01.2006", ", ", day, noBreak, 4, ","},
		{"de-CH", "Deutsch (Schweiz)", "02.01.2006", ", ", day, "'", 4, "."},
		{"fr-FR", "Français (France)", "02/01/2006", " ", day, noBreak, 4, ","},
		{"it-IT", "Italiano (Italia)", "02/01/2006", ", ", day, ".", 4, ","},
		{"es-ES", "Español (España)", "02/01/2006", ", ", day, ".", 5, ","},
		{"nl-NL", "Nederlands (Nederland)", "02-01-2006", " ", day, ".", 4, ","},
		{"sv-SE", "Svenska (Sverige)", "2006-01-02", " ", day, noBreak, 4, ","},
		{"ja-JP", "日本語 (日本)", "2006/01/02", " ", day, ",", 4, "."},
	}
}

// Of are the formats with that tag; those that nobody knows write as ISO 8601
// does.
func Of(tag string) Format {
	for _, f := range All() {
		if f.Tag == tag {
			return f
		}
	}
	return Format{date: "2006-01-02", between: " ", clock: "15:04", group: noBreak, from: 5, decimal: "."}
}

// Date is the day of a time, in the time's own zone.
func (f Format) Date(t time.Time) string { return t.Format(f.date) }

// DateTime is the day, the hour and the minute of a time, in its own zone.
func (f Format) DateTime(t time.Time) string {
	return t.Format(f.date) + f.between + t.Format(f.clock)
}

// Clock is the hour and the minute of a time, in its own zone.
func (f Format) Clock(t time.Time) string { return t.Format(f.clock) }

// Number is a whole number with its thousands apart.
func (f Format) Number(n int64) string { return f.number(strconv.FormatInt(n, 10)) }

// number separates the thousands of a whole number.
func (f Format) number(digits string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(digits, "-"); ok {
		sign, digits = "-", rest
	}
	if len(digits) < f.from {
		return sign + digits
	}
	first := (len(digits)-1)%3 + 1
	parts := []string{digits[:first]}
	for rest := digits[first:]; rest != ""; rest = rest[3:] {
		parts = append(parts, rest[:3])
	}
	return sign + strings.Join(parts, f.group)
}

// Size is a number of bytes in the largest binary unit of which there is at
// least one, to a tenth: 1.2 GiB.
func (f Format) Size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	value, unit := float64(bytes), 0
	// What would be written as 1024.0 belongs to the next unit.
	for (value >= 1023.95 || value <= -1023.95) && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return f.Tenths(value) + noBreak + units[unit]
}

// Tenths is a number to a tenth, without one that is nought: 1.2 or 3.
func (f Format) Tenths(value float64) string {
	whole, tenth, _ := strings.Cut(strconv.FormatFloat(value, 'f', 1, 64), ".")
	text := f.number(whole)
	if tenth != "0" {
		text += f.decimal + tenth
	}
	return text
}
