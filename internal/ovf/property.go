package ovf

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Property is one value that the importer may set, and the guest reads from
// its OVF environment.
type Property struct {
	// Key is its name there: letters, digits, "-" and "_" (DSP0243 9.5.1
	// forbids dots and colons).
	Key string
	// Category is the heading that it stands under; properties of one follow
	// each other.
	Category string `json:",omitempty"`
	// Label and Description are for people.
	Label       string `json:",omitempty"`
	Description string `json:",omitempty"`
	// Type is one of DSP0243's: string, boolean, uint8 to uint64, sint8 to
	// sint64, real32, real64.
	Type string
	// Values are all that it may be; nil when anything.
	Values []string `json:",omitempty"`
	// MinLen and MaxLen of a string; 0 is no limit. Importers insist on a
	// value where there is a MinLen.
	MinLen int `json:",omitempty"`
	MaxLen int `json:",omitempty"`
	// Value is the default.
	Value string `json:",omitempty"`
	// UserConfigurable says that the importer is to ask for it.
	UserConfigurable bool `json:",omitempty"`
	// Password says that what is typed must not be shown. There is no default then.
	Password bool `json:",omitempty"`
}

const (
	// maxProperties is more than anybody fills in.
	maxProperties = 1000
	// maxString is vSphere's limit on a property's value.
	maxString = 65535
)

var propertyKeyRE = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

func (d Descriptor) checkProperties() error {
	if len(d.Properties) > maxProperties {
		return fmt.Errorf("%d properties", len(d.Properties))
	}
	keys, categories := make(map[string]bool), make(map[string]bool)
	last := ""
	for _, p := range d.Properties {
		if !propertyKeyRE.MatchString(p.Key) || keys[p.Key] {
			return fmt.Errorf("property %.40q is there twice, or has no key that can be", p.Key)
		}
		if p.Category != last && (p.Category == "" || categories[p.Category]) {
			return fmt.Errorf("property %s is apart from the others of category %.40q", p.Key, p.Category)
		}
		if err := p.check(); err != nil {
			return fmt.Errorf("property %s %w", p.Key, err)
		}
		keys[p.Key], categories[p.Category], last = true, true, p.Category
	}
	return nil
}

func (p Property) check() error {
	if p.Password && p.Value != "" {
		return fmt.Errorf("is a password with a default")
	}
	if (p.Values != nil || p.MinLen != 0 || p.MaxLen != 0 || p.Password) && p.Type != "string" {
		return fmt.Errorf("is limited as only a string can be")
	}
	if p.MinLen < 0 || p.MaxLen < 0 || p.MaxLen > maxString || p.MaxLen > 0 && p.MinLen > p.MaxLen {
		return fmt.Errorf("has from %d to %d characters", p.MinLen, p.MaxLen)
	}
	if p.Values != nil && len(p.Values) == 0 {
		return fmt.Errorf("can have no value")
	}
	for i, v := range p.Values {
		// Readers do not agree on how quotes are escaped.
		if strings.ContainsAny(v, "\"\\{}\r\n\t") || slices.Contains(p.Values[:i], v) {
			return fmt.Errorf("has the value %.40q, which cannot be", v)
		}
	}
	known, fits := p.fits()
	if !known {
		return fmt.Errorf("has the type %.40q", p.Type)
	}
	if p.Value != "" && (!fits || p.Values != nil && !slices.Contains(p.Values, p.Value)) {
		return fmt.Errorf("cannot be %.40q, its default", p.Value)
	}
	return nil
}

// fits says whether the type is one of DSP0243's (table 6), and the default
// of that type.
func (p Property) fits() (known, fits bool) {
	switch p.Type {
	case "string":
		return true, len(p.Value) <= maxString
	case "boolean":
		return true, p.Value == "true" || p.Value == "false"
	case "real32", "real64":
		_, err := strconv.ParseFloat(p.Value, 64)
		return true, err == nil
	case "uint8", "uint16", "uint32", "uint64", "sint8", "sint16", "sint32", "sint64":
		bits, _ := strconv.Atoi(p.Type[len("uint"):])
		_, err := strconv.ParseUint(p.Value, 10, bits)
		if p.Type[0] == 's' {
			_, err = strconv.ParseInt(p.Value, 10, bits)
		}
		return true, err == nil
	}
	return false, false
}

// properties writes them into the product's section.
func (d Descriptor) properties(w *writer) {
	category := ""
	for _, p := range d.Properties {
		if p.Category != category {
			category = p.Category
			w.text("Category", nil, category)
		}
		a := attrs{"ovf:key", p.Key, "ovf:type", p.Type}
		if q := p.qualifiers(); q != "" {
			a = append(a, "ovf:qualifiers", q)
		}
		if p.Password {
			a = append(a, "ovf:password", "true")
		}
		a = append(a, "ovf:userConfigurable", strconv.FormatBool(p.UserConfigurable))
		if p.Value != "" || p.Type == "string" && p.Values == nil && !p.Password { // "" is none of the others
			a = append(a, "ovf:value", p.Value)
		}
		if p.Label == "" && p.Description == "" {
			w.empty("Property", a)
			continue
		}
		w.element("Property", a, func() {
			if p.Label != "" {
				w.text("Label", nil, p.Label)
			}
			if p.Description != "" {
				w.text("Description", nil, p.Description)
			}
		})
	}
}

// qualifiers are the limits in the words of CIM (DSP0243, table 7).
func (p Property) qualifiers() string {
	var list []string
	if p.MinLen > 0 {
		list = append(list, fmt.Sprintf("MinLen(%d)", p.MinLen))
	}
	if p.MaxLen > 0 {
		list = append(list, fmt.Sprintf("MaxLen(%d)", p.MaxLen))
	}
	if p.Values != nil {
		list = append(list, `ValueMap{"`+strings.Join(p.Values, `","`)+`"}`)
	}
	return strings.Join(list, ",")
}

// xmlField is a category or a property: the order of both counts.
type xmlField struct {
	XMLName          xml.Name
	Text             string `xml:",chardata"`
	Key              string `xml:"key,attr"`
	Type             string `xml:"type,attr"`
	Qualifiers       string `xml:"http://schemas.dmtf.org/ovf/envelope/1 qualifiers,attr"` // not vmw:qualifiers
	UserConfigurable string `xml:"userConfigurable,attr"`
	Password         string `xml:"password,attr"`
	Value            string `xml:"value,attr"`
	Label            string `xml:"Label"`
	Description      string `xml:"Description"`
}

// readProperties reads what follows the product's description.
func readProperties(fields []xmlField) ([]Property, error) {
	var list []Property
	category := ""
	for _, f := range fields {
		switch f.XMLName.Local {
		case "Category":
			category = f.Text
		case "Property":
			p := Property{
				Key: f.Key, Category: category, Label: f.Label, Description: f.Description, Type: f.Type, Value: f.Value,
				UserConfigurable: isTrue(f.UserConfigurable), Password: isTrue(f.Password),
			}
			p.readQualifiers(f.Qualifiers)
			list = append(list, p)
		}
		if len(list) > maxProperties {
			return nil, fmt.Errorf("more than %d properties", maxProperties)
		}
	}
	return list, nil
}

func isTrue(s string) bool { return s == "true" || s == "1" } // XML Schema's boolean

var (
	minLenRE   = regexp.MustCompile(`\bMinLen\((\d{1,5})\)`)
	maxLenRE   = regexp.MustCompile(`\bMaxLen\((\d{1,5})\)`)
	valueMapRE = regexp.MustCompile(`\bValueMap\{\s*("[^"\\{}]*"(?:\s*,\s*"[^"\\{}]*")*)\s*\}`)
	valueRE    = regexp.MustCompile(`"([^"]*)"`)
)

// readQualifiers takes those that it knows. What stands in the quotes of a
// list of values is no qualifier.
func (p *Property) readQualifiers(text string) {
	if m := valueMapRE.FindStringSubmatchIndex(text); m != nil {
		for _, v := range valueRE.FindAllStringSubmatch(text[m[2]:m[3]], -1) {
			p.Values = append(p.Values, v[1])
		}
		text = text[:m[0]] + text[m[1]:]
	}
	number := func(re *regexp.Regexp) int {
		m := re.FindStringSubmatch(text)
		if m == nil {
			return 0
		}
		n, _ := strconv.Atoi(m[1]) // five digits at most
		return n
	}
	p.MinLen, p.MaxLen = number(minLenRE), number(maxLenRE)
}
