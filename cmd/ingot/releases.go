package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/repository"
)

func newReleaseList(a *app) *cobra.Command {
	var o repositoryOptions
	var json bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what a repository offers",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return runReleaseList(a, o, json) },
	}
	o.addFlags(cmd)
	jsonFlag(cmd, &json)
	return cmd
}

func runReleaseList(a *app, o repositoryOptions, json bool) error {
	r, err := a.repository(o)
	if err != nil {
		return err
	}
	list, expires, err := r.List()
	if err != nil {
		return withHint(err)
	}
	if json {
		return a.ui.json(map[string]any{"releases": list, "expires": expires})
	}
	for _, l := range list {
		a.ui.printf("%-20s %-10s %-12s %-9s %s\n", l.Product, l.Channel, l.Version, size(l.Size), strings.Join(marks(l), ", "))
	}
	if len(list) == 0 {
		a.ui.printf("nothing is released yet\n")
	} else {
		a.ui.printf("fresh until %s\n", expires.Format(time.DateOnly))
	}
	return nil
}

// marks are what is special about a version.
func marks(l repository.Listed) (list []string) {
	for text, is := range map[string]bool{"security": l.Security, "floor": l.Floor} {
		if is {
			list = append(list, text)
		}
	}
	if l.Minimum != "" {
		list = append(list, "over "+l.Minimum+" or later")
	}
	for _, w := range l.Waves {
		list = append(list, fmt.Sprintf("%d %% after %v", w.Percent, time.Duration(w.After)))
	}
	if len(l.Patches) > 0 {
		list = append(list, "patches from "+strings.Join(l.Patches, " "))
	}
	if l.Yanked != nil {
		list = append(list, "WITHDRAWN: "+l.Yanked.Reason)
	}
	return list
}

// changeOptions name a version.
type changeOptions struct {
	repositoryOptions
	where repository.Where
}

func (o *changeOptions) addFlags(cmd *cobra.Command) {
	o.repositoryOptions.addFlags(cmd)
	cmd.Flags().StringVar(&o.where.Product, "product", "", "which `product`, such as hello/amd64 (default: the only one)")
}

// changing makes a command that changes a version.
func changing(a *app, o *changeOptions, use, short string, do func(ctx context.Context, r *repository.Repository) (string, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.where.Version = args[0]
			r, err := a.repository(o.repositoryOptions)
			if err != nil {
				return err
			}
			said, err := do(cmd.Context(), r)
			if err != nil {
				return withHint(err)
			}
			a.ui.printf("%s\n", said)
			return nil
		},
	}
	o.addFlags(cmd)
	return cmd
}

func newReleaseYank(a *app) *cobra.Command {
	var o changeOptions
	var reason string
	cmd := changing(a, &o, "yank VERSION", "Withdraw a version: who has not installed it does not", func(ctx context.Context, r *repository.Repository) (string, error) {
		return fmt.Sprintf("%s is withdrawn from %s", o.where.Version, o.where.Channel), r.Yank(ctx, o.where, reason)
	})
	cmd.Flags().StringVar(&o.where.Channel, "channel", "stable", "`name` of the channel")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that administrators are told")
	return cmd
}

func newReleasePromote(a *app) *cobra.Command {
	var o changeOptions
	var from, to string
	var waves []string
	cmd := changing(a, &o, "promote VERSION", "Offer a version of one channel in another one", func(ctx context.Context, r *repository.Repository) (string, error) {
		w, err := parseWaves(waves)
		if err != nil {
			return "", err
		}
		o.where.Channel = from
		return fmt.Sprintf("%s is offered in %s", o.where.Version, to), r.Promote(ctx, o.where, to, w)
	})
	cmd.Flags().StringVar(&from, "from", "testing", "`channel` that has it")
	cmd.Flags().StringVar(&to, "to", "stable", "`channel` that gets it")
	cmd.Flags().StringSliceVar(&waves, "wave", nil, "`after:percent` of the instances to which it is offered then")
	return cmd
}

func newReleaseWaves(a *app) *cobra.Command {
	var o changeOptions
	var waves []string
	cmd := changing(a, &o, "waves VERSION", "Change when how many instances are offered a version", func(ctx context.Context, r *repository.Repository) (string, error) {
		w, err := parseWaves(waves)
		if err != nil {
			return "", err
		}
		said := "everybody at once"
		if len(w) > 0 {
			said = strings.Join(waves, ", ")
		}
		return fmt.Sprintf("%s is offered to %s", o.where.Version, said), r.Waves(ctx, o.where, w)
	})
	cmd.Flags().StringVar(&o.where.Channel, "channel", "stable", "`name` of the channel")
	cmd.Flags().StringSliceVar(&waves, "wave", nil, "`after:percent` of the instances; none is everybody at once")
	return cmd
}

func newReleaseRefresh(a *app) *cobra.Command {
	var o repositoryOptions
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Sign anew that a repository is fresh",
		Long: `Sign anew that a repository is fresh, before that ends: appliances take nothing
of one that has not been refreshed. Let a timer do it once a day.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.repository(o)
			if err != nil {
				return err
			}
			r.TimestampLife = life
			return withHint(r.Refresh(cmd.Context()))
		},
	}
	o.addFlags(cmd)
	cmd.Flags().DurationVar(&life, "life", repository.TimestampLife, "how long it is good for")
	return cmd
}

func newReleaseBundle(a *app) *cobra.Command {
	var o repositoryOptions
	var where repository.Where
	var from, out string
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Write a version as one file, for appliances without a network",
		Long: `Write a version as one file that is uploaded in the management pages, or attached
to the appliance on an ISO or a USB disk. With --from it has only what that
version needs. The chain of keys is in it, so that appliances that have been
offline for years accept it.`,
		Example: `  ingot release bundle --to 1.1.0 -o myapp-1.1.0.ingot`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if where.Version == "" {
				return usagef("write --to VERSION", "no version was given")
			}
			if out == "" {
				out = where.Version + repository.BundleExtension
			}
			r, err := a.repository(o)
			if err != nil {
				return err
			}
			n, err := writeBundle(cmd.Context(), r, where, from, out)
			if err != nil {
				return withHint(err)
			}
			a.ui.printf("%s, %s\n", out, size(n))
			return nil
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&where.Channel, "channel", "stable", "`name` of the channel")
	cmd.Flags().StringVar(&where.Product, "product", "", "which `product`, such as hello/amd64 (default: the only one)")
	cmd.Flags().StringVar(&where.Version, "to", "", "the `version`")
	cmd.Flags().StringVar(&from, "from", "", "`version` of the appliances that it is for (default: any)")
	cmd.Flags().StringVarP(&out, "output", "o", "", "`file` to write (default: VERSION.ingot)")
	return cmd
}

// writeBundle writes a bundle whose file appears when it is whole.
func writeBundle(ctx context.Context, r *repository.Repository, where repository.Where, from, out string) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(out), ".part-*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := r.Bundle(ctx, f, where, from); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), out); err != nil {
		return 0, err
	}
	return info.Size(), host.SyncDir(filepath.Dir(out))
}

func newReleaseServe(a *app) *cobra.Command {
	var repo, listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a repository, for trying out",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runReleaseServe(cmd.Context(), a, repo, listen) },
	}
	cmd.Flags().StringVar(&repo, "repo", "repo", "`folder` of the repository")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8600", "`address` to listen on")
	return cmd
}

func runReleaseServe(ctx context.Context, a *app, repo, listen string) error {
	if _, err := os.Stat(repo + "/" + release.MetadataDir); errors.Is(err, fs.ErrNotExist) {
		return &lackError{message: fmt.Sprintf("there is no repository in %s", repo), hint: "make one: ingot release add"}
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("cannot serve the repository: %w", err)
	}
	server := &http.Server{Handler: http.FileServerFS(os.DirFS(repo)), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	a.ui.printf("http://%s/\n", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
