package acceptance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// reference is ${appliance} or ${appliance:PORT}, with the scheme before it if
// there is one.
var reference = regexp.MustCompile(`(https://|http://)?\$\{appliance(?::([0-9]+))?\}`)

// maxBody bounds what is read of an answer: a page that a test looks into is
// far smaller.
const maxBody = 16 << 20

// testPorts are the ports of the appliance that a test needs.
func testPorts(t appliance.Test) ([]int, error) {
	var ports []int
	for _, m := range reference.FindAllStringSubmatch(t.HTTP, -1) {
		port, err := refersTo(m)
		if err != nil {
			return nil, fmt.Errorf("cannot run test %s: %w", testName(t), err)
		}
		ports = append(ports, port)
	}
	return ports, nil
}

func refersTo(match []string) (int, error) {
	switch {
	case match[2] == "" && match[1] == "https://":
		return appliance.HTTPSPort, nil
	case match[2] == "":
		return appliance.HTTPPort, nil
	}
	port, err := strconv.ParseUint(match[2], 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%s is no port", match[0])
	}
	return int(port), nil
}

func testName(t appliance.Test) string { return firstSet(t.Name, t.HTTP) }

// Ask makes the request of one test to a machine, and says what was seen. An
// error says what was not as the test has it.
func Ask(ctx context.Context, t appliance.Test, m hypervisor.Machine, limit time.Duration) (seen string, err error) {
	return runTest(ctx, t, m.Address, limit)
}

// runTest makes the request of one test. address is where a port of the
// appliance is reached.
func runTest(ctx context.Context, t appliance.Test, address func(int) (string, error), limit time.Duration) (seen string, err error) {
	url := reference.ReplaceAllStringFunc(t.HTTP, func(ref string) string {
		match := reference.FindStringSubmatch(ref)
		port, portErr := refersTo(match)
		reached, addressErr := "", error(nil)
		if portErr == nil {
			reached, addressErr = address(port)
		}
		err = errors.Join(err, portErr, addressErr)
		return match[1] + reached
	})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	// A client of its own for each request: nothing is kept from test to
	// test. A redirect is an answer like any other, and would lead to an
	// address that only the appliance's network knows.
	c := &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the appliance's own certificate, through a loopback forward
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return "", fmt.Errorf("cannot read the answer: %w", err)
	}
	if want := firstSet(t.Expect, http.StatusOK); resp.StatusCode != want {
		return "", fmt.Errorf("answered %s instead of %d: %s", resp.Status, want, begin(body))
	}
	if !strings.Contains(string(body), t.Contains) {
		return "", fmt.Errorf("the answer does not hold %q: %s", t.Contains, begin(body))
	}
	return fmt.Sprintf("%s, %d bytes", resp.Status, len(body)), nil
}

// begin is how a body begins, for an error.
func begin(body []byte) string {
	text := strings.Join(strings.Fields(strings.Map(printable, string(body[:min(len(body), 400)]))), " ")
	if len(body) > 400 {
		text += "…"
	}
	return text
}
