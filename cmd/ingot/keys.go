package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ingotvm/ingot/internal/release/repository"
)

// passphraseVariable has the passphrase of all keys, for machines that sign.
const passphraseVariable = "INGOT_PASSPHRASE"

// passphraseOptions say where passphrases come from.
type passphraseOptions struct{ file string }

func (o *passphraseOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.file, "passphrase-file", "", "`file` with the passphrase of the keys (default $"+passphraseVariable+", or it is asked for)")
}

// ask gives passphrases by the names of keys; twice says that it is new and is
// asked for a second time.
func (a *app) ask(o passphraseOptions, twice bool) func(name string) (string, error) {
	return func(name string) (string, error) {
		if o.file != "" {
			data, err := os.ReadFile(o.file)
			if err != nil {
				return "", fmt.Errorf("cannot read the passphrase: %w", err)
			}
			return strings.TrimRight(string(data), "\r\n"), nil
		}
		if p := a.getenv(passphraseVariable); p != "" {
			return p, nil
		}
		in, ok := a.ui.in.(*os.File)
		if !ok || !term.IsTerminal(int(in.Fd())) {
			return "", usagef("use --passphrase-file, or set "+passphraseVariable, "the passphrase of key %s cannot be asked for: there is no terminal", name)
		}
		return askTwice(in, name, twice, func(text string) { fmt.Fprint(a.ui.err, text) })
	}
}

func askTwice(in *os.File, name string, twice bool, say func(string)) (string, error) {
	read := func(prompt string) (string, error) {
		say(prompt)
		defer say("\n")
		data, err := term.ReadPassword(int(in.Fd()))
		return string(data), err
	}
	prompt := "Passphrase of key "
	if twice {
		prompt = "New passphrase of key "
	}
	first, err := read(prompt + name + ": ")
	if err != nil || !twice {
		return first, err
	}
	second, err := read("Once more: ")
	if err == nil && first != second {
		err = errors.New("the two passphrases differ")
	}
	return first, err
}

func newKeys(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make and change the keys that sign releases",
		Long: `The keys that sign what a vendor releases: those of the root, which may replace
all others and itself, the key "targets", which signs releases, and the key
"online", which signs that a repository is fresh. Each lies in a file of its own,
encrypted with a passphrase. root.json is public: updates.root in appliance.yaml
names it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysInit(a), newKeysList(a), newKeysRotate(a))
	return cmd
}

type keysInitOptions struct {
	passphraseOptions
	keys, threshold int
	single          bool
}

func newKeysInit(a *app) *cobra.Command {
	var o keysInitOptions
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make keys",
		Long: `Make the keys of a vendor in DIR (default: keys). Of three keys of the root two
must sign whenever keys are changed: give them to different people, and take them
off this machine. With --single there is one, which is enough for trying out.`,
		Args: maxOneArg("folder"),
		RunE: func(_ *cobra.Command, args []string) error { return runKeysInit(a, o, args) },
	}
	o.addFlags(cmd)
	cmd.Flags().IntVar(&o.keys, "keys", 3, "how many keys the root has")
	cmd.Flags().IntVar(&o.threshold, "threshold", 2, "how many of them must sign")
	cmd.Flags().BoolVar(&o.single, "single", false, "one key of the root, for trying out")
	return cmd
}

func keysDir(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "keys"
}

func runKeysInit(a *app, o keysInitOptions, args []string) error {
	if o.single {
		o.keys, o.threshold = 1, 1
	}
	if o.threshold < 1 || o.threshold > o.keys || o.keys > 20 {
		return usagef("write --keys 3 --threshold 2", "%d of %d keys cannot be asked for", o.threshold, o.keys)
	}
	dir := keysDir(args)
	k, err := repository.InitKeys(dir, repository.InitOptions{Root: o.keys, Threshold: o.threshold, Passphrase: a.ask(o.passphraseOptions, true)})
	if errors.Is(err, fs.ErrExist) {
		return &lackError{message: err.Error(), hint: "choose another folder: keys are never overwritten"}
	}
	if err != nil {
		return err
	}
	if err := listKeys(a, k, false); err != nil {
		return err
	}
	a.ui.notef("Name %s in appliance.yaml (updates.root). Keep the keys of the root apart from each other; who loses too many can change no key any more.",
		filepath.Join(dir, repository.RootFile))
	return nil
}

func newKeysList(a *app) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List keys, and until when they are good",
		Args:  maxOneArg("folder"),
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := a.openKeys(keysDir(args), passphraseOptions{})
			if err != nil {
				return err
			}
			return listKeys(a, k, json)
		},
	}
	jsonFlag(cmd, &json)
	return cmd
}

// openKeys opens the keys in a folder.
func (a *app) openKeys(dir string, o passphraseOptions) (*repository.Keys, error) {
	k, err := repository.OpenKeys(dir, a.ask(o, false))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &lackError{message: err.Error(), hint: "make keys: ingot keys init " + dir}
	}
	return k, err
}

func listKeys(a *app, k *repository.Keys, json bool) error {
	keys, threshold, expires := k.List()
	if json {
		return a.ui.json(map[string]any{"keys": keys, "threshold": threshold, "expires": expires})
	}
	for _, key := range keys {
		here := "elsewhere"
		if key.Here {
			here = "here"
		}
		a.ui.printf("%-10s %s  %-20s %s\n", key.Name, key.ID[:16], strings.Join(key.Role, ", "), here)
	}
	a.ui.printf("%d of the root's keys must sign; good until %s\n", threshold, expires.Format(time.DateOnly))
	return nil
}

type keysRotateOptions struct {
	passphraseOptions
	dir, repo string
}

func newKeysRotate(a *app) *cobra.Command {
	var o keysRotateOptions
	cmd := &cobra.Command{
		Use:   "rotate [KEY...]",
		Short: "Replace keys by new ones, or renew the root",
		Long: `Replace the keys that are named by new ones, or without names renew the root for
two years. As many keys of the root as must sign have to be in the folder. With
--repo the new root is published there at once; otherwise by the next release.`,
		Example: `  ingot keys rotate online --repo repo
  ingot keys rotate`,
		RunE: func(cmd *cobra.Command, args []string) error { return runKeysRotate(cmd.Context(), a, o, args) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.dir, "keys", "keys", "`folder` of the keys")
	cmd.Flags().StringVar(&o.repo, "repo", "", "`folder` of the repository")
	return cmd
}

func runKeysRotate(ctx context.Context, a *app, o keysRotateOptions, names []string) error {
	k, err := a.openKeys(o.dir, o.passphraseOptions)
	if err != nil {
		return err
	}
	k.NewPassphrase = a.ask(o.passphraseOptions, true)
	if err := k.Rotate(names, 0); err != nil {
		return withHint(err)
	}
	if o.repo != "" {
		if err := repository.Open(o.repo, k).Refresh(ctx); err != nil {
			return withHint(err)
		}
	}
	return listKeys(a, k, false)
}

// withHint adds what to do to the errors of keys and repositories.
func withHint(err error) error {
	hint := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, repository.ErrPassphrase):
		hint = "give the passphrase that the key was made with"
	case errors.Is(err, repository.ErrThreshold):
		hint = "bring the key files of enough holders into the folder"
	case errors.Is(err, repository.ErrRoot):
		hint = "use the keys that made this repository, or another folder"
	case errors.Is(err, repository.ErrExpired):
		hint = "renew it: ingot keys rotate"
	case errors.Is(err, repository.ErrOther):
		hint = "raise version: in appliance.yaml"
	default:
		return err
	}
	return &hinted{err, hint}
}

// hinted is an error with a hint.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

// Hint says what to do.
func (e *hinted) Hint() string { return e.hint }
