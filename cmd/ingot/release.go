package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/repository"
)

func newRelease(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release",
		Short: "Sign versions and offer them to appliances",
		Long: `A repository is a folder of static files: any web server, object store or USB
stick offers it. What it says is signed, so that it need not be trusted.`,
		Example: `  ingot keys init --single
  ingot release add myapp --repo repo
  ingot release serve --repo repo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newReleaseAdd(a), newReleaseList(a), newReleaseYank(a), newReleasePromote(a), newReleaseWaves(a),
		newReleaseRefresh(a), newReleaseBundle(a), newReleaseServe(a))
	return cmd
}

// repositoryOptions say which repository, and with which keys.
type repositoryOptions struct {
	passphraseOptions
	repo, keys string
}

func (o *repositoryOptions) addFlags(cmd *cobra.Command) {
	o.passphraseOptions.addFlags(cmd)
	cmd.Flags().StringVar(&o.repo, "repo", "repo", "`folder` of the repository")
	cmd.Flags().StringVar(&o.keys, "keys", "keys", "`folder` of the keys")
}

func (a *app) repository(o repositoryOptions) (*repository.Repository, error) {
	k, err := a.openKeys(o.keys, o.passphraseOptions)
	if err != nil {
		return nil, err
	}
	return repository.Open(o.repo, k), nil
}

type releaseAddOptions struct {
	repositoryOptions
	channel, variant, minimum string
	notes, advisories, waves  []string
	security, floor           bool
	patches                   int
}

func newReleaseAdd(a *app) *cobra.Command {
	var o releaseAddOptions
	cmd := &cobra.Command{
		Use:   "add [DIR]",
		Short: "Sign a version and add it to a repository",
		Long: `Build the definition in DIR (default: the current folder), or take the files of a
release that are there (manifest.json and what it lists), sign them, and add them
to a repository. Patches are made from the last versions. What was added before
is left as it is.`,
		Example: `  ingot release add myapp --repo repo --channel testing
  ingot release add --security --advisory CVE-2026-1234:high:"Overflow in the parser" --notes notes.md`,
		Args: maxOneArg("folder"),
		RunE: func(cmd *cobra.Command, args []string) error { return runReleaseAdd(cmd.Context(), a, o, args) },
	}
	o.addFlags(cmd)
	variantFlag(cmd, &o.variant)
	f := cmd.Flags()
	f.StringVar(&o.channel, "channel", "stable", "`name` of the channel")
	f.StringVar(&o.minimum, "minimum", "", "least `version` that it can be installed over")
	f.StringSliceVar(&o.notes, "notes", nil, "`file` of release notes, Markdown, or one per language: en=notes.md,de=notes.de.md")
	f.StringArrayVar(&o.advisories, "advisory", nil, "weakness that it mends, `ID[:severity[:title]]`; may be given again")
	f.StringSliceVar(&o.waves, "wave", nil, "`after:percent` of the instances to which it is offered then: 0h:10,24h:50,72h:100")
	f.BoolVar(&o.security, "security", false, "it is to be installed soon")
	f.BoolVar(&o.floor, "floor", false, "no instance may go past it: later versions are installed over it only")
	f.IntVar(&o.patches, "patches", repository.DefaultPatches, "from how many earlier versions patches are made")
	return cmd
}

func runReleaseAdd(ctx context.Context, a *app, o releaseAddOptions, args []string) error {
	options := repository.AddOptions{
		Channel: o.channel, Security: o.security, Floor: o.floor, Minimum: o.minimum, Patches: o.patches,
		Progress: func(what string) {
			if !a.quiet {
				a.ui.notef("%s", what)
			}
		},
	}
	var err error
	if options.Notes, err = readNotes(o.notes); err != nil {
		return err
	}
	for _, text := range o.advisories {
		id, rest, _ := strings.Cut(text, ":")
		severity, title, _ := strings.Cut(rest, ":")
		options.Advisories = append(options.Advisories, release.Advisory{ID: id, Severity: severity, Title: title})
	}
	if options.Waves, err = parseWaves(o.waves); err != nil {
		return err
	}
	r, err := a.repository(o.repositoryOptions)
	if err != nil {
		return err
	}
	if err := r.Keys.Open(repository.TargetsKey, repository.OnlineKey); err != nil {
		return withHint(err)
	}
	dir, clean, err := a.releaseFiles(ctx, o.variant, args)
	if err != nil {
		return err
	}
	defer clean()
	options.Dir = dir
	added, err := r.Add(ctx, options)
	if err != nil {
		return withHint(err)
	}
	switch {
	case added.New:
		a.ui.printf("%s %s released to %s: %s, %s\n", added.Product, added.Version, o.channel, size(whole(added.Release)), patchesOf(added.Release))
	case !added.InChannel:
		a.ui.printf("%s %s was released before, and is now in %s, too\n", added.Product, added.Version, o.channel)
	default:
		a.ui.printf("%s %s is in %s already; nothing was changed\n", added.Product, added.Version, o.channel)
	}
	return nil
}

func whole(r *release.Release) (n int64) {
	for _, p := range r.Payloads {
		n += p.Whole.Size
	}
	return n
}

// patchesOf says how much who has an earlier version downloads.
func patchesOf(r *release.Release) string {
	bytes, order := map[string]int64{}, []string{}
	for _, p := range r.Payloads {
		for _, patch := range p.Patches {
			if _, ok := bytes[patch.Version]; !ok {
				order = append(order, patch.Version)
			}
			bytes[patch.Version] += patch.Size
		}
	}
	if len(order) == 0 {
		return "no patches"
	}
	var list []string
	for _, version := range order {
		list = append(list, fmt.Sprintf("%s from %s", size(bytes[version]), version))
	}
	return "patches: " + strings.Join(list, ", ")
}

// releaseFiles is a folder with the files of a release: the one that is named,
// or a new one of what is built.
func (a *app) releaseFiles(ctx context.Context, variant string, args []string) (dir string, clean func(), err error) {
	if len(args) > 0 {
		if _, err := os.Stat(filepath.Join(args[0], "manifest.json")); err == nil {
			return args[0], func() {}, nil
		}
	}
	where, err := locate(args)
	if err != nil {
		return "", nil, err
	}
	def, err := where.load(variant)
	if err != nil {
		return "", nil, err
	}
	cache, err := a.openCache()
	if err != nil {
		return "", nil, err
	}
	defer cache.Close()
	if dir, err = os.MkdirTemp("", "ingot-files-*"); err != nil {
		return "", nil, err
	}
	clean = func() { os.RemoveAll(dir) }
	if err := a.exportRelease(ctx, production{where: where, def: def, stages: build.ReleaseStages, cache: cache}, dir); err != nil {
		clean()
		return "", nil, err
	}
	return dir, clean, nil
}

// exportRelease builds the files of a release and copies them into a folder.
func (a *app) exportRelease(ctx context.Context, p production, dir string) error {
	_, err := a.produce(ctx, p, func(result *pipeline.Result) error {
		for _, f := range build.ReleaseFiles(p.def) {
			if err := p.cache.Export(ctx, result.Stage(f.Stage).Key, f.Artifact, filepath.Join(dir, f.Name)); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// readNotes reads files of release notes, by language.
func readNotes(files []string) (map[string]string, error) {
	notes := map[string]string{}
	for _, text := range files {
		language, file, ok := strings.Cut(text, "=")
		if !ok {
			language, file = "en", text
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the release notes: %w", err)
		}
		notes[language] = string(data)
	}
	return notes, nil
}

// parseWaves reads waves such as 24h:50.
func parseWaves(list []string) ([]release.Wave, error) {
	const hint = "write such as 0h:10,24h:50,72h:100"
	var waves []release.Wave
	for _, text := range list {
		after, percent, ok := strings.Cut(text, ":")
		d, err := time.ParseDuration(after)
		n, errNumber := strconv.Atoi(strings.TrimSuffix(percent, "%"))
		if !ok || err != nil || errNumber != nil || d < 0 || n < 0 {
			return nil, usagef(hint, "%q is no wave", text)
		}
		waves = append(waves, release.Wave{After: release.Span(d), Percent: n})
	}
	if err := release.CheckWaves(waves); err != nil {
		return nil, usagef(hint, "the waves cannot be: %v", err)
	}
	return waves, nil
}
