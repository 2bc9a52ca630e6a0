package setting

import (
	"context"
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting/formats"
)

// Language is how the appliance speaks and writes.
type Language struct {
	// The language of console and pages: en, de, ja.
	Language string `json:"language"`
	// The tag whose customs of dates and numbers are used: en-GB, de-CH.
	Formats string `json:"formats"`
	// metric or imperial.
	Units string `json:"units"`
}

// Units of measure.
const (
	Metric   = "metric"
	Imperial = "imperial"
)

// Languages are those of console and pages; their titles are their own names.
func Languages() []Option {
	return []Option{{"en", "English"}, {"de", "Deutsch"}, {"ja", "日本語"}}
}

// defaultFormats are the formats of a language when nobody chose any. For
// English they are the British ones: with the day first and the month as a
// word, and the time in 24 hours, they are misread by nobody.
func defaultFormats(language string) string {
	switch language {
	case "de":
		return "de-DE"
	case "ja":
		return "ja-JP"
	}
	return "en-GB"
}

type language struct{}

func (language) Key() string { return "language" }

func (language) Default(env Env, d *Document) {
	d.Language = Language{Language: "en", Formats: defaultFormats("en"), Units: Metric}
}

func (language) Properties(env Env) []Property {
	return []Property{
		{
			Key: "language.language", Title: "Language", Group: "Language", Step: StepLanguage, Type: Enum, Required: true,
			Help:    "The language of the console and of the pages. The formats follow unless others were chosen.",
			Options: Languages(), Default: "en",
			Get: func(d *Document) string { return d.Language.Language },
			Set: func(env Env, d *Document, text string) error {
				value, err := option(Languages(), text)
				if err != nil {
					return err
				}
				if d.Language.Formats == "" || d.Language.Formats == defaultFormats(d.Language.Language) {
					d.Language.Formats = defaultFormats(value)
				}
				d.Language.Language = value
				return nil
			},
		},
		{
			Key: "language.formats", Title: "Formats", Group: "Language", Step: StepLanguage, Type: Enum, Required: true,
			Help:    "How dates, times and numbers are written.",
			Options: formatOptions(), Default: defaultFormats("en"),
			Get: func(d *Document) string { return d.Language.Formats },
			Set: func(env Env, d *Document, text string) (err error) {
				return set(&d.Language.Formats, formatOptions(), text)
			},
		},
		{
			Key: "language.units", Title: "Units", Group: "Language", Step: StepLanguage, Type: Enum, Required: true,
			Help:    "The units of lengths, weights and temperatures.",
			Options: unitOptions(), Default: Metric,
			Get: func(d *Document) string { return d.Language.Units },
			Set: func(env Env, d *Document, text string) error {
				return set(&d.Language.Units, unitOptions(), text)
			},
		},
	}
}

func unitOptions() []Option { return []Option{{Metric, "Metric"}, {Imperial, "Imperial"}} }

func formatOptions() []Option {
	var options []Option
	for _, f := range formats.All() {
		options = append(options, Option{f.Tag, f.Title})
	}
	return options
}

// option is the value among options that a text names, in whatever case.
func option(options []Option, text string) (string, error) {
	text = strings.TrimSpace(text)
	var values []string
	for _, o := range options {
		if strings.EqualFold(o.Value, text) {
			return o.Value, nil
		}
		values = append(values, o.Value)
	}
	return "", fmt.Errorf("must be one of %s", strings.Join(values, ", "))
}

// set puts the value that a text names into a field.
func set(field *string, options []Option, text string) error {
	value, err := option(options, text)
	if err == nil {
		*field = value
	}
	return err
}

// isOption says whether a value is, exactly, one of the options.
func isOption(options []Option, value string) bool {
	for _, o := range options {
		if o.Value == value {
			return true
		}
	}
	return false
}

func (language) Validate(env Env, d *Document) []Problem {
	var found problems
	for _, field := range []struct {
		path, value, what string
		options           []Option
	}{
		{"language.language", d.Language.Language, "language", Languages()},
		{"language.formats", d.Language.Formats, "tag of formats", formatOptions()},
		{"language.units", d.Language.Units, "system of units", unitOptions()},
	} {
		if !isOption(field.options, field.value) {
			_, err := option(field.options, "")
			found.add(field.path, fmt.Sprintf("%q is not a %s that the appliance knows", field.value, field.what), "it "+err.Error())
		}
	}
	return found
}

// Files has the locale of programs, which is the same for all languages: the
// images hold no locale but the C library's own. Console and pages translate
// and format by themselves, see [Language.Date] and its neighbours.
func (language) Files(env Env, d *Document) ([]File, error) {
	return []File{{Path: "/etc/locale.conf", Data: []byte("LANG=C.UTF-8\n")}}, nil
}

func (language) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	return nil
}

func (language) Verify(ctx context.Context, sys *System, env Env, d *Document) error { return nil }

func (language) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	return nil, nil
}
