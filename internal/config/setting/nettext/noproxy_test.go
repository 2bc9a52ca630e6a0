package nettext

import "testing"

func TestPastProxy(t *testing.T) {
	list := []string{"localhost", "Example.com", ".example.org", "*.example.net", "192.0.2.7", "198.51.100.0/24", "2001:db8::/32"}
	for host, want := range map[string]bool{
		"localhost": true, "example.com": true, "EXAMPLE.com.": true, "a.example.com": true, "notexample.com": false, "example.com.evil.example": false,
		"example.org": false, "a.example.org": true, "a.b.example.net": true, "example.net": false,
		"192.0.2.7": true, "192.0.2.8": false, "198.51.100.99": true, "2001:db8::1": true, "2001:db9::1": false, "7": false, "": false,
	} {
		if got := PastProxy(list, host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	if PastProxy(nil, "localhost") {
		t.Error("an empty list holds something")
	}
}
