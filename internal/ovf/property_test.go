package ovf

import (
	"reflect"
	"strings"
	"testing"
)

func TestPropertiesRefused(t *testing.T) {
	for name, p := range map[string]Property{
		"dot in key":         {Key: "network.address", Type: "string"},
		"colon in key":       {Key: "a:b", Type: "string"},
		"no key":             {Type: "string"},
		"key twice":          {Key: "units", Type: "string"},
		"no type":            {Key: "x"},
		"vSphere's type":     {Key: "x", Type: "int"},
		"default password":   {Key: "x", Type: "string", Password: true, Value: "secret"},
		"boolean password":   {Key: "x", Type: "boolean", Password: true},
		"boolean":            {Key: "x", Type: "boolean", Value: "yes"},
		"negative uint":      {Key: "x", Type: "uint16", Value: "-1"},
		"port":               {Key: "x", Type: "uint16", Value: "65536"},
		"sint":               {Key: "x", Type: "sint8", Value: "128"},
		"real":               {Key: "x", Type: "real64", Value: "much"},
		"not in list":        {Key: "x", Type: "string", Values: []string{"a"}, Value: "b"},
		"list of none":       {Key: "x", Type: "string", Values: []string{}},
		"list of numbers":    {Key: "x", Type: "uint8", Values: []string{"1"}},
		"quote in list":      {Key: "x", Type: "string", Values: []string{`a"b`}},
		"brace in list":      {Key: "x", Type: "string", Values: []string{"a}"}},
		"twice in list":      {Key: "x", Type: "string", Values: []string{"a", "a"}},
		"lengths":            {Key: "x", Type: "string", MinLen: 3, MaxLen: 2},
		"too long for all":   {Key: "x", Type: "string", MaxLen: 1 << 20},
		"control character":  {Key: "x", Type: "string", Label: "a\x1bb"},
		"control in default": {Key: "x", Type: "string", Value: "a\x00b"},
		"category again":     {Key: "x", Type: "string", Category: "Network"},
	} {
		d := sample()
		if p.Category == "" {
			p.Category = "Access" // the last one's
		}
		d.Properties = append(d.Properties, p)
		if b, err := d.Marshal(); err == nil || b != nil {
			t.Errorf("%s: no error", name)
		}
	}
	d := sample()
	d.Properties = append(d.Properties, Property{Key: "x", Type: "string"})
	if _, err := d.Marshal(); err == nil {
		t.Error("a property without category stands under the one before")
	}
}

func TestDefaultsThatFit(t *testing.T) {
	for typ, values := range map[string][]string{
		"string": {"", "null", "a b"}, "boolean": {"", "true", "false"}, "uint8": {"", "0", "255"}, "uint64": {"18446744073709551615"},
		"sint16": {"-32768", "32767"}, "real32": {"1.5", "-2e3"},
	} {
		for _, v := range values {
			if err := (Property{Key: "x", Type: typ, Value: v}).check(); err != nil {
				t.Errorf("%s %q: %v", typ, v, err)
			}
		}
	}
}

// TestNoTransportWithoutProperties: nothing to bring, no drive to bring it.
func TestNoTransportWithoutProperties(t *testing.T) {
	d := sample()
	d.Properties = nil
	if text := string(marshal(t, d)); strings.Contains(text, "transport") || strings.Contains(text, "CD/DVD") || strings.Contains(text, "Category") {
		t.Errorf("written was %s", text)
	}
}

func TestReadQualifiers(t *testing.T) {
	for text, want := range map[string]Property{
		"":                                {},
		"MinLen(1),MaxLen(253)":           {MinLen: 1, MaxLen: 253},
		"MinLen(0) MaxLen(65535)":         {MaxLen: 65535},
		`ValueMap{"a"}`:                   {Values: []string{"a"}},
		`MaxLen(9), ValueMap{ "a" , "" }`: {MaxLen: 9, Values: []string{"a", ""}},
		`ValueMap{"MinLen(3)","b, c"}`:    {Values: []string{"MinLen(3)", "b, c"}},
		`ValueMap{"a\"b"}`:                {},
		"ValueMap{1,2}":                   {},
		"Ip":                              {},
		"MinLen(999999999999999999999)":   {},
	} {
		var got Property
		got.readQualifiers(text)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v, want %+v", text, got, want)
		}
	}
}

func TestParseOthersProperties(t *testing.T) {
	ours := string(marshal(t, sample()))
	for change, want := range map[string]func(p *Property){
		`ovf:userConfigurable="true" ovf:value="1500"`:                            func(p *Property) {},
		`ovf:userConfigurable="1" ovf:value="1500"`:                               func(p *Property) {},
		`ovf:value="1500"`:                                                        func(p *Property) { p.UserConfigurable = false },
		`vmw:qualifiers="MinLen(1)" ovf:userConfigurable="true" ovf:value="1500"`: func(p *Property) {},
	} {
		d, err := ParseDescriptor([]byte(strings.Replace(ours, `ovf:userConfigurable="true" ovf:value="1500"`, change, 1)))
		if err != nil {
			t.Fatal(err)
		}
		p := sample().Properties[1]
		want(&p)
		if !reflect.DeepEqual(d.Properties[1], p) {
			t.Errorf("%s: read %+v, want %+v", change, d.Properties[1], p)
		}
	}
	many := strings.Repeat(`<Property ovf:key="k" ovf:type="string"/>`, maxProperties)
	if d, err := ParseDescriptor([]byte(strings.Replace(ours, "<Category>Network", many+"<Category>Network", 1))); err == nil {
		t.Errorf("read %d properties", len(d.Properties))
	}
}
