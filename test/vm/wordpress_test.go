package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// The answers of TestWordPress, with what escaping gets wrong most easily.
const (
	siteTitle     = "Bread & Butter"
	sitePassword  = `it's a "long" \ $HOME one`
	moreMemory    = 2 << 30
	lessMemory    = 1 << 30 // given from the second boot on
	buffersReport = "innodb_buffer_pool_size=%dm"
)

// TestWordPress sets WordPress up by a seed, writes a post as the seed's
// administrator, changes the title, is refused a database that does not answer,
// and finds the post after a restart with less memory.
func TestWordPress(t *testing.T) {
	needAll(t)
	seed, err := json.Marshal(map[string]string{
		"access.password": password, "application.site_title": siteTitle, "application.admin_user": "baker",
		"application.admin_email": "baker@example.com", "application.admin_password": sitePassword,
	})
	if err != nil {
		t.Fatal(err)
	}
	m := machine(t, built(t, "wordpress", "qcow2"), hypervisor.Spec{Memory: moreMemory, Data: 8 << 30, Seed: seed})
	boots(t, m)
	site := newSite(t, "http://"+address(t, m))
	if page := site.get("/"); !strings.Contains(page, html.EscapeString(siteTitle)) {
		t.Errorf("the page has not the seed's title: %s", text(page))
	}
	site.login("baker", sitePassword)
	const post = "Kept across restarts"
	site.write(post)
	c := admin(t, m)
	databaseGets(t, c, moreMemory*40/100)

	const title = "Butter & Bread"
	change(t, c, map[string]string{"application.site_title": title})
	if page := site.get("/"); !strings.Contains(page, html.EscapeString(title)) {
		t.Errorf("the title does not follow the settings: %s", text(page))
	}
	refusesDatabase(t, c)
	if page := site.get("/"); !strings.Contains(page, post) {
		t.Errorf("the post is gone after a change that was refused: %s", text(page))
	}

	turnOff(t, m)
	if err := m.(hypervisor.Sizer).SetMemory(lessMemory); err != nil {
		t.Fatal(err)
	}
	boots(t, m)
	site.base = "http://" + address(t, m)
	if page := site.get("/"); !strings.Contains(page, post) || !strings.Contains(page, html.EscapeString(title)) {
		t.Errorf("the post or the title is gone after a restart: %s", text(page))
	}
	databaseGets(t, admin(t, m), lessMemory*40/100)
	turnOff(t, m)
}

// databaseGets looks for the database's share of the memory, in bytes, where
// the agent tells it and in what the database says of itself when it starts.
func databaseGets(t *testing.T, c *client.Client, share int64) {
	t.Helper()
	list, err := c.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	told := slices.ContainsFunc(list, func(r wire.Resource) bool {
		return r.Service == "database" && r.Name == "memory" && r.Value == share && r.Bytes && r.Formula == "40%"
	})
	if !told {
		t.Errorf("the database is not told to get %d bytes: %+v", share, list)
	}
	log, err := c.Log(t.Context(), "database", 200)
	if err != nil {
		t.Fatal(err)
	}
	// 128 MiB are left for connections.
	want, said := fmt.Sprintf(buffersReport, share>>20-128), ""
	for _, l := range log.Lines {
		if said += l.Text + "\n"; strings.Contains(l.Text, want) {
			return
		}
	}
	t.Errorf("the database does not say %q:\n%s", want, said)
}

// refusesDatabase tries to change to a database that does not answer.
func refusesDatabase(t *testing.T, c *client.Client) {
	t.Helper()
	before, err := c.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Change(t.Context(), before.Revision, wire.Change{Why: "test", Values: map[string]string{
		"application.database": "external", "application.database_host": "192.0.2.1", "application.database_password": password,
	}})
	refusedAs(t, err, http.StatusUnprocessableEntity)
	var refused *client.Error
	if errors.As(err, &refused) && !strings.Contains(fmt.Sprint(refused.Problems), "The database does not let us in") {
		t.Errorf("nobody is told why: %+v", refused)
	}
	if after, err := c.Config(t.Context()); err != nil || after.Revision != before.Revision {
		t.Errorf("the revision is %d after a change that was refused, not %d: %v", after.Revision, before.Revision, err)
	}
}

// site is a browser without a screen.
type site struct {
	t      *testing.T
	base   string
	client *http.Client
	nonce  string // WordPress's proof that a request is meant
}

func newSite(t *testing.T, base string) *site {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, base: base, client: visitor()}
	s.client.Jar = jar
	return s
}

func (s *site) login(user, password string) {
	s.t.Helper()
	// Not followed: the dashboard takes the slow machine half a minute.
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.post("/wp-login.php", url.Values{"log": {user}, "pwd": {password}})
	s.client.CheckRedirect = nil
	s.nonce = s.get("/wp-admin/admin-ajax.php?action=rest-nonce")
	if !regexp.MustCompile(`^[0-9a-f]{10}$`).MatchString(s.nonce) {
		s.t.Fatalf("not logged in: %s", text(s.nonce))
	}
}

func (s *site) write(title string) {
	s.t.Helper()
	created := s.post("/index.php?rest_route=/wp/v2/posts&_wpnonce="+s.nonce, url.Values{
		"title": {title}, "content": {"The data disk holds this."}, "status": {"publish"},
	})
	if !strings.Contains(created, title) {
		s.t.Fatalf("no post was made: %s", text(created))
	}
}

func (s *site) get(path string) string {
	s.t.Helper()
	resp, err := s.client.Get(s.base + path)
	return s.body(resp, err)
}

func (s *site) post(path string, form url.Values) string {
	s.t.Helper()
	resp, err := s.client.PostForm(s.base+path, form)
	return s.body(resp, err)
}

func (s *site) body(resp *http.Response, err error) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode >= 500 {
		s.t.Fatalf("%s: %s: %s", resp.Request.URL, resp.Status, text(string(data)))
	}
	return string(data)
}

// text is the beginning of what a page says, without its markup.
func text(page string) string {
	page = regexp.MustCompile(`(?s)<(style|script).*?</(style|script)>|<[^>]*>`).ReplaceAllString(page, " ")
	return fmt.Sprintf("%.600s", strings.Join(strings.Fields(page), " "))
}
