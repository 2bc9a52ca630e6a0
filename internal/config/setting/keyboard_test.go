package setting_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

func TestKeyboardOnTheMachine(t *testing.T) {
	env, m, ctx := settingtest.Env(), settingtest.New(t), context.Background()
	d := setting.Default(env)
	s := settingOf(t, "keyboard")
	if err := setProperty(t, env, d, "keyboard.layout", "FR"); err != nil {
		t.Fatal(err)
	}
	if err := s.(setting.Early).ApplyEarly(m.System(), env, d); err != nil || !reflect.DeepEqual(m.Kernel.Keymap, keyboards.Of("fr")) {
		t.Errorf("early: %v", err)
	}
	d.Keyboard.Layout = "de"
	if err := s.Apply(ctx, m.System(), env, d, false); err != nil || !reflect.DeepEqual(m.Kernel.Keymap, keyboards.Of("de")) {
		t.Errorf("apply: %v", err)
	}
	broken := errors.New("broken")
	m.Fail("set-keymap", broken)
	if err := s.Apply(ctx, m.System(), env, d, false); !errors.Is(err, broken) {
		t.Errorf("a keyboard that cannot be set: %v", err)
	}
}

func TestKeyboardValidate(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	s := settingOf(t, "keyboard")
	if problems := s.Validate(env, d); len(problems) > 0 {
		t.Error(problemLines(problems))
	}
	d.Keyboard.Layout = "DE"
	if got := problemLines(s.Validate(env, d)); !strings.HasPrefix(got, `keyboard.layout: "DE" is not a keyboard layout that the appliance knows (it must be one of us, gb, de`) {
		t.Errorf("got %s", got)
	}
	if err := setProperty(t, env, d, "keyboard.layout", "dvorak"); err == nil || d.Keyboard.Layout != "DE" {
		t.Errorf("dvorak: %v, %q", err, d.Keyboard.Layout)
	}
}
