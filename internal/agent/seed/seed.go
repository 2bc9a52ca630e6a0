package seed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/config/seedtext"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// Provider is one way in which answers come from outside.
type Provider interface {
	// Name is a word for people: "fw_cfg".
	Name() string
	// Read asks once; it may be called again, since devices can be slow to
	// appear. Empty answers mean that nothing is there. What is wrong with
	// single answers is among them; an error is one of them all.
	Read(ctx context.Context) (Answers, error)
}

// Answers are what one provider has to say.
type Answers struct {
	Provider string
	// Text is a seed for config.Import, YAML or JSON: nested properties, or,
	// with the key "format", a part of a document. It is well formed; nil is
	// none.
	Text []byte
	// Values are properties by key, and the answers "setup.eula" and
	// "setup.adopt". They override the text.
	Values map[string]string
	// Problems are what could not be taken: Path is the key, or the part of
	// the document, of which something was given; "" for everything that the
	// provider says.
	Problems []setting.Problem
	// Unread says that there may be answers that could not be read.
	Unread bool
}

// Empty says that the provider has nothing to say.
func (a *Answers) Empty() bool {
	return len(a.Text) == 0 && len(a.Values) == 0 && len(a.Problems) == 0
}

// SetupKeys are keys that seeds may answer besides properties: "accept" for
// the licence, and yes or no to taking over a data disk.
func SetupKeys() []string { return []string{"setup.eula", "setup.adopt"} }

// Options are where providers look. The zero value is the appliance, except
// for Keys.
type Options struct {
	// Root is above /sys and /dev; default "/".
	Root string
	// RunDir is where media are mounted; default /run/ingot.
	RunDir string
	// Keys are those of all properties. Where keys have no dots, as in OVF,
	// they are told by them; guestinfo can only be asked for keys.
	Keys []string
	// Mounter mounts media; default the kernel.
	Mounter Mounter
	// Guestinfo is VMware's channel; default the real one. It is used only
	// where the firmware says VMware.
	Guestinfo Guestinfo
}

func (o *Options) fill() {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.RunDir == "" {
		o.RunDir = "/run/ingot"
	}
	if o.Mounter == nil {
		o.Mounter = kernelMounter{}
	}
	if o.Guestinfo == nil {
		o.Guestinfo = backdoor{}
	}
}

// Providers are all there are. Later ones override earlier ones: what is said
// to any guest yields to what is said to Ingot by name, and of that what the
// hypervisor says to what somebody attached.
func Providers(o Options) []Provider {
	o.fill()
	o.Keys = append(slices.Clone(o.Keys), SetupKeys()...)
	return []Provider{
		noCloud{o},
		ovfDisc{o},
		ovfGuestinfo{o},
		guestinfo{o},
		smbios{o},
		fwCfg{o},
		seedDisk{o},
	}
}

// patience is how long one provider may take: a CD drive that starts to spin
// needs a few seconds.
const patience = 15 * time.Second

// ReadAll asks all providers at once. It returns those that have something to
// say, in their order; an error of a provider is a problem of its answers.
func ReadAll(ctx context.Context, providers []Provider) []Answers {
	all := make([]Answers, len(providers))
	var work sync.WaitGroup
	for i, p := range providers {
		work.Go(func() { all[i] = ask(ctx, p) })
	}
	work.Wait()
	return slices.DeleteFunc(all, func(a Answers) bool { return a.Empty() })
}

// ask reads one provider. One that hangs in the kernel is left behind.
func ask(ctx context.Context, p Provider) Answers {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type result struct {
		answers Answers
		err     error
	}
	done := make(chan result, 1)
	go func() {
		a, err := p.Read(ctx)
		done <- result{a, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		r.err = fmt.Errorf("cannot read the seed from %s: %w", p.Name(), context.Cause(ctx))
	}
	r.answers.Provider = p.Name()
	if r.err != nil {
		r.answers.Unread = true
		r.answers.Problems = append(r.answers.Problems, setting.Problem{Message: r.err.Error()})
	}
	return r.answers
}

// collector gathers the answers of one provider.
type collector struct {
	answers Answers
	keys    []string
	rest    map[string]any // what becomes the text
	// written is the one text that is handed on as it was written, so that
	// later errors name the right places; texts counts them.
	written []byte
	texts   int
}

func newCollector(provider string, o Options) *collector {
	return &collector{answers: Answers{Provider: provider}, keys: o.Keys, rest: map[string]any{}}
}

// maxValue is far longer than a certificate with its chain.
const maxValue = 256 << 10

// value takes in one property.
func (c *collector) value(key, text string) {
	key = c.canonical(strings.TrimSpace(key))
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "" || strings.EqualFold(trimmed, "null"):
		c.problem(key, "came without a value")
	case len(text) > maxValue:
		c.problem(key, "is too long")
	default:
		if c.answers.Values == nil {
			c.answers.Values = map[string]string{}
		}
		c.answers.Values[key] = text
	}
}

func (c *collector) values(all map[string]string) {
	for key, text := range all {
		c.value(key, text)
	}
}

func (c *collector) problem(key, format string, args ...any) {
	c.answers.Problems = append(c.answers.Problems, setting.Problem{Path: key, Message: fmt.Sprintf(format, args...)})
}

// canonical is the key with dots of one that came without.
func (c *collector) canonical(key string) string {
	for _, known := range c.keys {
		if setting.OVFKey(known) == key {
			return known
		}
	}
	return key
}

// text takes in the text of a whole seed. Its error says where in the text.
func (c *collector) text(text []byte) error {
	tree, err := seedtext.Parse(text)
	if err != nil {
		return err
	}
	split := c.tree(tree)
	c.written = nil
	if c.texts++; c.texts == 1 && !split && len(tree) > 0 {
		c.written = text
	}
	return nil
}

// tree takes in a whole seed that was read, and says whether it had
// properties besides what goes to the text.
func (c *collector) tree(tree map[string]any) (split bool) {
	values, bad := seedtext.Split(tree)
	c.values(values)
	for _, key := range bad {
		c.problem(key, "came without a value that is a text")
	}
	seedtext.Overlay(c.rest, tree)
	return len(values)+len(bad) > 0
}

// finish is what was gathered.
func (c *collector) finish() (Answers, error) {
	if len(c.rest) > 0 && c.written == nil {
		text, err := json.Marshal(c.rest)
		if err != nil {
			return Answers{}, err
		}
		c.answers.Text = text
	} else {
		c.answers.Text = c.written
	}
	slices.SortFunc(c.answers.Problems, func(a, b setting.Problem) int { return strings.Compare(a.Path, b.Path) })
	return c.answers, nil
}

// readSmall reads a small file of the kernel's; one that is not there is "".
func readSmall(elem ...string) string {
	data, err := readLimited(filepath.Join(elem...), 4096)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// readLimited reads a file of at most so many bytes; a longer one is an error.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readUpTo(f, limit)
}

var errTooLarge = errors.New("it is too large")

// vendor says whether the firmware's words about the machine hold one of
// those given.
func vendor(root string, words ...string) bool {
	for _, file := range []string{"sys_vendor", "product_name", "chassis_vendor", "bios_vendor"} {
		text := readSmall(root, "sys/class/dmi/id", file)
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
			return true
		}
	}
	return false
}
