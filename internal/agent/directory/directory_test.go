package directory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ingotvm/ingot/internal/agent/directory/slapdtest"
	"github.com/ingotvm/ingot/internal/config/setting"
)

func TestRoleOf(t *testing.T) {
	l := setting.LDAP{
		Base: "dc=example,dc=com", GroupBase: "ou=groups,dc=example,dc=com",
		AdminGroups: []string{"admins", "CN=Domain Admins, CN=Users, DC=example, DC=com"}, OperatorGroups: []string{"ops"}, AuditorGroups: []string{"a\\2cb", "plus"},
	}
	for group, want := range map[string]setting.Role{
		"cn=admins,ou=groups,dc=example,dc=com":             setting.Admin,
		"CN=Admins,OU=deep,OU=Groups,DC=Example,DC=com":     setting.Admin,
		"cn=domain admins,cn=users,dc=example,dc=com":       setting.Admin,
		"cn=ops,ou=groups,dc=example,dc=com":                setting.Operator,
		"cn=admins,ou=elsewhere,dc=example,dc=com":          "", // anybody's
		"cn=admins,dc=example,dc=com":                       "",
		"ou=admins,ou=groups,dc=example,dc=com":             "",
		"cn=x,cn=admins,ou=groups,dc=example,dc=com":        "",
		"cn=domain admins,dc=example,dc=com":                "",
		"cn=admins\\,ou\\=groups\\,dc\\=example\\,dc\\=com": "",
		"cn=admins+uid=x,ou=groups,dc=example,dc=com":       "",
		"cn=admins,ou=groups,dc=example,dc=com,dc=evil":     "",
		"admins": "", "": "", "cn=": "", "=": "", "\x00": "", "cn=admins,": "",
	} {
		if got := roleOf(l, []string{group}); got != want {
			t.Errorf("%q has the role %q, want %q", group, got, want)
		}
	}
	many := []string{"cn=ops,ou=groups,dc=example,dc=com", "nonsense", "cn=admins,ou=groups,dc=example,dc=com"}
	if got := roleOf(l, many); got != setting.Admin {
		t.Errorf("of several groups the role is %q", got)
	}
}

// FuzzRoleOf looks for a DN that is taken for a group of the settings and does
// not end where they are.
func FuzzRoleOf(f *testing.F) {
	f.Add("cn=admins,ou=groups,dc=example,dc=com")
	f.Add(`cn=admins\2cou=groups,dc=example,dc=com`)
	f.Add("cn=#04024869,ou=groups,dc=example,dc=com")
	f.Fuzz(func(t *testing.T, group string) {
		l := setting.LDAP{Base: "dc=example,dc=com", AdminGroups: []string{"admins"}}
		role := roleOf(l, []string{group})
		dn, err := ldap.ParseDN(group)
		if role == "" {
			return
		}
		if err != nil || len(dn.RDNs) < 3 || !strings.EqualFold(dn.RDNs[len(dn.RDNs)-1].Attributes[0].Value, "com") {
			t.Errorf("%q, which is no DN below the base, has the role %q", group, role)
		}
	})
}

// FuzzFilters looks for a name that changes a search.
func FuzzFilters(f *testing.F) {
	for _, name := range []string{"alice", "*", "a)(b=c", `\2a`, "\x00", "(", "é"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		e := entry{dn: "cn=" + name + ",dc=example", uid: name}
		packet, err := ldap.CompileFilter("(uid=" + ldap.EscapeFilter(name) + ")")
		if err != nil {
			t.Fatalf("the filter of %q cannot be read: %v", name, err)
		}
		if packet.Tag != ldap.FilterEqualityMatch || len(packet.Children) != 2 || packet.Children[1].Data.String() != name && packet.Children[1].Value != name {
			t.Fatalf("%q searches for something else: %v %q", name, packet.Tag, packet.Children[1].Value)
		}
		for kind, parts := range map[string]int{setting.ActiveDirectory: 2, setting.OtherDirectory: 3} {
			packet, err := ldap.CompileFilter(groupFilter(kind, e))
			if err != nil || len(packet.Children) != parts {
				t.Fatalf("the groups of %q: %v", name, err)
			}
		}
	})
}

// TestActiveDirectoryFilter asks for groups in groups.
func TestActiveDirectoryFilter(t *testing.T) {
	got := groupFilter(setting.ActiveDirectory, entry{dn: `CN=Doe\, (Jane),OU=x`})
	if want := `(&(objectClass=group)(member:1.2.840.113556.1.4.1941:=CN=Doe\5c, \28Jane\29,OU=x))`; got != want {
		t.Errorf("the filter is %s, want %s", got, want)
	}
}

// listen is a server on loopback that does what serve does to each connection.
func listen(t *testing.T, serve func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

func settingOf(server string) setting.LDAP {
	return setting.LDAP{Kind: setting.OtherDirectory, Servers: []string{server}, BindDN: "cn=x,dc=y", BindPassword: "very secret", Base: "dc=y", AdminGroups: []string{"x"}}
}

// TestNothingInClear: a server without STARTTLS hears of no name and no
// password.
func TestNothingInClear(t *testing.T) {
	var heard bytes.Buffer
	done := make(chan struct{})
	addr := listen(t, func(c net.Conn) {
		defer close(done)
		b := make([]byte, 1024)
		n, _ := c.Read(b)
		heard.Write(b[:n])
		// An ExtendedResponse that says "protocol error": it has no STARTTLS.
		_, _ = c.Write([]byte("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"))
		rest, _ := io.ReadAll(c)
		heard.Write(rest)
	})
	_, err := New(Options{}).Find(t.Context(), settingOf("ldap://"+addr), "alice", "her password")
	var trouble *TroubleError
	if !errors.As(err, &trouble) || trouble.Property != "ldap.servers" {
		t.Errorf("Find() = %v", err)
	}
	<-done
	for _, secret := range []string{"alice", "her password", "very secret", "cn=x"} {
		if strings.Contains(heard.String(), secret) {
			t.Errorf("the server heard %q in the clear", secret)
		}
	}
	if !strings.Contains(heard.String(), "1.3.6.1.4.1.1466.20037") {
		t.Errorf("STARTTLS was not asked for: %q", heard.String())
	}
}

// TestHostileServers send what no directory would: it ends soon, and takes
// little memory.
func TestHostileServers(t *testing.T) {
	for name, says := range map[string][]byte{
		"a message of 2 GiB":    []byte("\x30\x84\x7f\xff\xff\xff\x02\x01\x01"),
		"an endless length":     []byte("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff"),
		"messages in messages":  bytes.Repeat([]byte("\x30\x83\x0f\xff\xff"), 50_000),
		"indefinite lengths":    bytes.Repeat([]byte("\x30\x80"), 50_000),
		"not LDAP":              []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"nothing, and hangs up": nil,
		"an endless flood":      bytes.Repeat([]byte("\x30\x0c\x02\x01\x07\x78\x07\x0a\x01\x02\x04\x00\x04\x00"), 50_000),
	} {
		t.Run(name, func(t *testing.T) {
			addr := listen(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 1024))
				_, _ = c.Write(says)
			})
			for _, scheme := range []string{"ldap://", "ldaps://"} {
				start := time.Now()
				_, err := New(Options{}).Find(t.Context(), settingOf(scheme+addr), "alice", "x")
				var trouble *TroubleError
				if !errors.As(err, &trouble) {
					t.Errorf("%s: Find() = %v", scheme, err)
				}
				if took := time.Since(start); took > AtMost {
					t.Errorf("%s: it took %s", scheme, took)
				}
			}
		})
	}
}

// TestDeadServers: one that swallows everything holds up the first who asks,
// for a bounded time, and then nobody for a while.
func TestDeadServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialled atomic.Int32
		d := New(Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialled.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		l := settingOf("ldaps://192.0.2.1")
		l.Servers = []string{"ldaps://192.0.2.1", "ldaps://192.0.2.2", "ldaps://192.0.2.3", "ldaps://192.0.2.4"}
		ask := func(l setting.LDAP) time.Duration {
			start := time.Now()
			_, err := d.Find(t.Context(), l, "alice", "x")
			var trouble *TroubleError
			if !errors.As(err, &trouble) || trouble.Hint == "" {
				t.Errorf("Find() = %v", err)
			}
			return time.Since(start)
		}
		if took := ask(l); took > AtMost || took < dialAtMost {
			t.Errorf("the first one waited %s", took)
		}
		if d.Trouble(l) == "" {
			t.Error("nothing is told of it")
		}
		n := dialled.Load()
		if took := ask(l); took != 0 || dialled.Load() != n {
			t.Errorf("the second one waited %s, and the server was asked again", took)
		}
		other := l
		other.Servers = []string{"ldaps://192.0.2.9"}
		if ask(other); dialled.Load() != n+1 || d.Trouble(l) != "" {
			t.Error("another setting rests as well")
		}
		ask(l) // the trouble of the other one is that which counts now
		time.Sleep(restFor)
		n = dialled.Load()
		if ask(l); dialled.Load() == n {
			t.Error("the server is never asked again")
		}
	})
}

// TestServerDies: it is there, and then it is not.
func TestServerDies(t *testing.T) {
	s := slapdtest.Start(t)
	d := New(Options{})
	if _, err := d.Find(t.Context(), s.Setting(), "alice", slapdtest.Password); err != nil || d.Trouble(s.Setting()) != "" {
		t.Fatal(err)
	}
	s.Stop()
	_, err := d.Find(t.Context(), s.Setting(), "alice", slapdtest.Password)
	var trouble *TroubleError
	if !errors.As(err, &trouble) || !strings.Contains(d.Trouble(s.Setting()), "cannot be reached") {
		t.Errorf("Find() = %v", err)
	}
}
