package access

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ThrottledError says that an attempt came too early, or that too many come at
// once. It was not looked at, and does not count.
type ThrottledError struct {
	// After is how long to wait.
	After time.Duration
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts: wait %s", e.After.Round(time.Second))
}

// rule says how long to wait after how many failures.
type rule struct {
	// free failures cost nothing; after that the wait begins at a second and
	// doubles up to most.
	free int
	most time.Duration
}

func (r rule) wait(failures int) time.Duration {
	if failures < r.free {
		return 0
	}
	return min(time.Second<<min(failures-r.free, 16), r.most)
}

// Three mistypings are human. 20 failures of one address on several accounts
// are not, nor are 50 on one account from everywhere; but the last one may
// only slow strangers down, and gently: the owner may be among them.
func byPair() rule    { return rule{free: 3, most: 5 * time.Minute} }
func byAddress() rule { return rule{free: 20, most: 5 * time.Minute} }
func byName() rule    { return rule{free: 50, most: 8 * time.Second} }

// Codes of a second factor have a million values only, so that guessing them
// must be slow: with 15 minutes between tries a year of it finds one in ten.
// Who gets there knows the password, so no stranger slows anybody down.
func codeByPair() rule { return rule{free: 3, most: 15 * time.Minute} }
func codeByName() rule { return rule{free: 10, most: 15 * time.Minute} }

const (
	// forgetAfter is how long failures count.
	forgetAfter = time.Hour
	// rememberFor is how long an address is known after a log-in.
	rememberFor = 30 * 24 * time.Hour
	// maxTallies bounds the memory, to some 500 KiB.
	maxTallies = 4096
	// maxWaiting attempts are under way at once, and as many more of known
	// addresses; of one address, maxWaitingPerAddress.
	maxWaiting           = 8
	maxWaitingPerAddress = 3
)

// Local is the address of root on the appliance itself: the console.
const Local = "local"

// tally counts the failures of one address, one name, or both together.
type tally struct {
	failures int
	last     time.Time
	// waiting attempts are under way, and counted as failures already.
	waiting int
	// good is when an attempt of the pair was right, zero when none was.
	good time.Time
}

// attempt is what a try is counted by. Digests, so that long names take no
// memory.
type attempt struct {
	pair, address, name digest
	local               bool
	// byPair and byName are the rules that it goes by.
	byPair, byName rule
}

// outcome is what came of an attempt.
type outcome int

const (
	wrong outcome = iota
	right
	// void attempts count neither way: the password was right, but a code is
	// needed too, and was not given or not right.
	void
)

// newAttempt makes out what to count an attempt by.
func newAttempt(address, name string) attempt {
	local := address == Local
	if ip, err := netip.ParseAddr(address); err == nil {
		if ip = ip.Unmap().WithZone(""); ip.Is6() {
			network, _ := ip.Prefix(64) // whoever has one address there has them all
			address = network.String()
		} else {
			address = ip.String()
		}
	}
	sum := func(kind string, parts ...string) digest {
		return sha256.Sum256([]byte(kind + "\x00" + strings.Join(parts, "\x00")))
	}
	return attempt{pair: sum("pair", address, name), address: sum("address", address), name: sum("name", name), local: local, byPair: byPair(), byName: byName()}
}

// newCodeAttempt is one at a second factor of an account.
func newCodeAttempt(address, account string) attempt {
	a := newAttempt(address, "the code of "+account) // no account is called so
	a.byPair, a.byName = codeByPair(), codeByName()
	return a
}

// throttle counts failures. Its owner locks it.
type throttle struct {
	tallies map[digest]*tally
	waiting int
}

// begin counts an attempt as failed and lets it through, or says how long to
// wait.
func (t *throttle) begin(a attempt, now time.Time) (after time.Duration) {
	pair := t.look(a.pair, now)
	// A known address is slowed down by its own failures on this name alone.
	// So is the console's: nobody else can come from there.
	known := a.local || !pair.good.IsZero()
	after = pair.left(a.byPair, now)
	if !known {
		after = max(after, t.look(a.address, now).left(byAddress(), now), t.look(a.name, now).left(a.byName, now))
	}
	if after > 0 {
		return after
	}
	limit := maxWaiting
	if known {
		limit *= 2
	}
	if t.waiting >= limit || t.look(a.address, now).waiting >= maxWaitingPerAddress {
		return time.Second
	}
	t.waiting++
	for _, key := range a.keys() {
		c := t.take(key, now)
		c.failures++
		c.last = now
		c.waiting++
	}
	return 0
}

func (a attempt) keys() []digest { return []digest{a.pair, a.address, a.name} }

// end settles an attempt that began.
func (t *throttle) end(a attempt, o outcome, now time.Time) {
	t.waiting--
	for _, key := range a.keys() {
		c, ok := t.tallies[key]
		if !ok {
			continue
		}
		c.waiting--
		if o != wrong {
			c.failures--
		} else {
			c.last = now // the wait begins when the answer is told
		}
	}
	if o == right {
		t.welcome(a, now)
	}
}

// welcome knows the address from now on.
func (t *throttle) welcome(a attempt, now time.Time) {
	if c, ok := t.tallies[a.pair]; ok {
		c.failures = c.waiting
		c.good = now
	}
}

// left is how long to wait still.
func (c *tally) left(r rule, now time.Time) time.Duration {
	return max(0, c.last.Add(r.wait(c.failures)).Sub(now))
}

// stale says that nothing of a tally counts any more.
func (c *tally) stale(now time.Time) bool {
	return c.waiting == 0 && now.Sub(c.last) >= forgetAfter && now.Sub(c.good) >= rememberFor
}

// look is a tally to read; what is forgotten reads as nothing.
func (t *throttle) look(key digest, now time.Time) *tally {
	c, ok := t.tallies[key]
	if !ok {
		return &tally{}
	}
	if now.Sub(c.last) >= forgetAfter {
		c.failures = c.waiting
	}
	if now.Sub(c.good) >= rememberFor {
		c.good = time.Time{}
	}
	return c
}

// take is a tally to write, made when there is none.
func (t *throttle) take(key digest, now time.Time) *tally {
	if c, ok := t.tallies[key]; ok {
		return c
	}
	if len(t.tallies) >= maxTallies {
		t.makeRoom(now)
	}
	c := &tally{}
	t.tallies[key] = c
	return c
}

// makeRoom drops what no longer counts, or else an eighth of what does: first
// those by which nobody ever logged in, of them the ones with the fewest
// failures, the oldest first. Not one alone: this looks at all of them.
func (t *throttle) makeRoom(now time.Time) {
	var spare []digest
	for key, c := range t.tallies {
		switch {
		case c.stale(now):
			delete(t.tallies, key)
		case c.waiting == 0:
			spare = append(spare, key)
		}
	}
	excess := len(t.tallies) - maxTallies*7/8
	if excess <= 0 {
		return
	}
	slices.SortFunc(spare, func(a, b digest) int {
		x, y := t.tallies[a], t.tallies[b]
		return cmp.Or(x.good.Compare(y.good), cmp.Compare(x.failures, y.failures), x.last.Compare(y.last))
	})
	for _, key := range spare[:min(excess, len(spare))] {
		delete(t.tallies, key)
	}
}
