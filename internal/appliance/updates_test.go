package appliance

import (
	"strings"
	"testing"
)

func TestCheckRoot(t *testing.T) {
	if err := checkRoot([]byte(testRoot)); err != nil {
		t.Errorf("a root that is one: %v", err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{testRoot, "text", "is not the root"},
		{`"_type": "root"`, `"_type": "snapshot"`, "is a repository's snapshot"},
		{`"_type": "root"`, `"_type": "\u001b[2J"`, "is not the root"},
		{`"sig": "00"}]`, `"sig": ""}]`, "is signed by 1 keys, and needs 2"},
		{`"keyids": ["a", "b"]`, `"keyids": ["a", "a"]`, "fewer keys for the role root"},
		{`"targets": {"keyids": ["a"], "threshold": 1}`, `"targets": {"keyids": ["c"], "threshold": 1}`, "fewer keys for the role targets"},
		{`"timestamp": {"keyids": ["b"], "threshold": 1}`, `"timestamp": {"keyids": ["b"], "threshold": 0}`, "fewer keys for the role timestamp"},
	} {
		err := checkRoot([]byte(strings.Replace(testRoot, tt.old, tt.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, wanted %q", tt.new, err, tt.want)
		}
	}
}
