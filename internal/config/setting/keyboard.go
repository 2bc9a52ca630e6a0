package setting

import (
	"context"
	"fmt"

	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
)

// Keyboard is the console's keyboard.
type Keyboard struct {
	// The layout: us, gb, de, ch, fr, es, it, …
	Layout string `json:"layout"`
}

type keyboard struct{}

func (keyboard) Key() string { return "keyboard" }

func (keyboard) Default(env Env, d *Document) { d.Keyboard = Keyboard{Layout: "us"} }

// Layouts are the keyboards that the appliance knows.
func Layouts() []Option {
	var options []Option
	for _, l := range keyboards.Layouts() {
		options = append(options, Option{l.Name, l.Title})
	}
	return options
}

func (keyboard) Properties(env Env) []Property {
	return []Property{{
		Key: "keyboard.layout", Title: "Keyboard layout", Group: "Keyboard", Step: StepKeyboard, Type: Enum, Required: true,
		Help:    "The keyboard of the console. Dead keys write their accent at once.",
		Options: Layouts(), Default: "us",
		Get: func(d *Document) string { return d.Keyboard.Layout },
		Set: func(env Env, d *Document, text string) error { return set(&d.Keyboard.Layout, Layouts(), text) },
	}}
}

func (keyboard) Validate(env Env, d *Document) []Problem {
	if isOption(Layouts(), d.Keyboard.Layout) {
		return nil
	}
	_, err := option(Layouts(), "")
	return []Problem{{
		Path: "keyboard.layout", Message: fmt.Sprintf("%q is not a keyboard layout that the appliance knows", d.Keyboard.Layout),
		Hint: "it " + err.Error(),
	}}
}

// Files are none: the kernel is told, and keeps it until it stops.
func (keyboard) Files(env Env, d *Document) ([]File, error) { return nil, nil }

// ApplyEarly loads the layout before the console is drawn for the first time.
func (keyboard) ApplyEarly(sys *System, env Env, d *Document) error {
	return sys.Kernel.SetKeymap(keyboards.Of(d.Keyboard.Layout))
}

func (keyboard) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	return sys.Kernel.SetKeymap(keyboards.Of(d.Keyboard.Layout))
}

// Verify has nothing to compare: the kernel took the layout or said no.
func (keyboard) Verify(ctx context.Context, sys *System, env Env, d *Document) error { return nil }

func (keyboard) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	return nil, nil
}
