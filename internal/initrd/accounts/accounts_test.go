package accounts_test

import (
	"fmt"
	"testing"

	"github.com/ingotvm/ingot/internal/initrd/accounts"
)

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
odd:x:61001:61001::/:/usr/sbin/nologin`

const group = "root:x:0:\nodd:x:61001:\nother:x:61002:\n"

func owners(m map[string]int) func(string) (int, bool) {
	return func(name string) (int, bool) { id, ok := m[name]; return id, ok }
}

func TestNumber(t *testing.T) {
	for name, c := range map[string]struct {
		names  []string
		owners map[string]int
		want   string
	}{
		"first boot":           {[]string{"app-a", "app-b"}, nil, "app-a=61000 app-b=61003"},
		"the same again":       {[]string{"app-a", "app-b"}, map[string]int{"app-a": 61000, "app-b": 61003}, "app-a=61000 app-b=61003"},
		"one came before":      {[]string{"app-new", "app-a"}, map[string]int{"app-a": 61000}, "app-new=61003 app-a=61000"},
		"one went":             {[]string{"app-b", "app-c"}, map[string]int{"app-b": 61003}, "app-b=61003 app-c=61000"},
		"none":                 {nil, nil, ""},
		"two own the same":     {[]string{"app-a", "app-b"}, map[string]int{"app-a": 61000, "app-b": 61000}, "error"},
		"somebody's own":       {[]string{"app-a"}, map[string]int{"app-a": 61001}, "error"},
		"root's":               {[]string{"app-a"}, map[string]int{"app-a": 0}, "error"},
		"outside of the range": {[]string{"app-a"}, map[string]int{"app-a": 70000}, "app-a=70000"},
	} {
		users, err := accounts.Number(c.names, passwd, group, owners(c.owners))
		got := ""
		for i, u := range users {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprintf("%s=%d", u.Name, u.ID)
		}
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s: %s (%v); want %s", name, got, err, c.want)
		}
	}
}

func TestNumberUntilFull(t *testing.T) {
	var names []string
	for i := range 182 { // 184 numbers, two of which are taken
		names = append(names, fmt.Sprintf("app-%d", i))
	}
	if _, err := accounts.Number(names, passwd, group, owners(nil)); err != nil {
		t.Errorf("182 users: %v", err)
	}
	if _, err := accounts.Number(append(names, "app-x"), passwd, group, owners(nil)); err == nil {
		t.Error("183 users: no error")
	}
}

func TestFiles(t *testing.T) {
	users := []accounts.User{{Name: "app-a", ID: 61000, Home: "/data/app/a"}}
	p := accounts.Passwd(passwd, users)
	if want := passwd + "\napp-a:x:61000:61000::/data/app/a:/usr/sbin/nologin\n"; p != want {
		t.Errorf("passwd:\n%s\nwant\n%s", p, want)
	}
	if again := accounts.Passwd(p, users); again != p {
		t.Errorf("added twice:\n%s", again)
	}
	if g := accounts.Group("root:x:0:\n", users); g != "root:x:0:\napp-a:x:61000:\n" {
		t.Errorf("group: %q", g)
	}
	if g := accounts.Group("", users); g != "app-a:x:61000:\n" {
		t.Errorf("group from nothing: %q", g)
	}
}
