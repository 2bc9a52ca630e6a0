package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
)

func TestPoints(t *testing.T) {
	for _, test := range []struct {
		text, want string
	}{
		{"null", "[]"}, {"[]", "[]"}, {"[ ]", "[]"}, {" [ 1 , null,\n-2.5e3 ] ", "[1 NaN -2500]"}, {"[null]", "[NaN]"},
		{`"x"`, ""}, {`["1"]`, ""}, {`[[1]]`, ""}, {`{}`, ""}, {`[true]`, ""}, {"[1", ""}, {"[1e999]", ""},
	} {
		var p Points
		err := json.Unmarshal([]byte(test.text), &p)
		if got := fmt.Sprint(p); (err == nil) != (test.want != "") || err == nil && got != test.want {
			t.Errorf("%s is %s, %v; want %s", test.text, got, err, test.want)
		}
	}
	data, err := json.Marshal(Points{0, 1.25, math.NaN(), math.Inf(1), 1 << 62})
	if err != nil || string(data) != "[0,1.25,null,null,4611686018427388000]" {
		t.Errorf("points are written as %s, %v", data, err)
	}
}

// FuzzPoints: what is read is what package json reads.
func FuzzPoints(f *testing.F) {
	f.Add("[1,null,2.5]")
	f.Add(" [ ] ")
	f.Add("[0x1p-2,Inf]")
	f.Fuzz(func(t *testing.T, text string) {
		var p Points
		var want []*float64
		err, jsonErr := json.Unmarshal([]byte(text), &p), json.Unmarshal([]byte(text), &want)
		if (err == nil) != (jsonErr == nil) {
			t.Fatalf("%q: %v; package json says %v", text, err, jsonErr)
		}
		if err != nil {
			return
		}
		if len(p) != len(want) {
			t.Fatalf("%q has %d points; package json has %d", text, len(p), len(want))
		}
		for i, v := range want {
			if v == nil != math.IsNaN(p[i]) || v != nil && *v != p[i] {
				t.Errorf("%q: point %d is %v", text, i, p[i])
			}
		}
	})
}
