package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/pipeline"
)

func newCache(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Show and trim the build cache",
		Long: `The cache keeps the results of stages, for all projects of a user, in
~/.cache/ingot (or --cache, or $INGOT_CACHE). After each build the entries not
used for longest are removed until it takes no more than $INGOT_CACHE_SIZE
(default 20GiB). It can be removed at any time: all of it is made again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCacheList(a, cacheListOptions{}) },
	}
	cmd.AddCommand(newCacheList(a), newCacheTrim(a), newCacheClear(a), newCacheDir(a))
	return cmd
}

type cacheListOptions struct{ json bool }

func newCacheList(a *app) *cobra.Command {
	var o cacheListOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is in the cache, the last used first",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return runCacheList(a, o) },
	}
	jsonFlag(cmd, &o.json)
	return cmd
}

// cacheReport is what --json prints of the cache.
type cacheReport struct {
	Dir     string               `json:"dir"`
	Limit   int64                `json:"limit"`
	Disk    int64                `json:"disk"`
	Entries []pipeline.EntryInfo `json:"entries"`
}

func runCacheList(a *app, o cacheListOptions) error {
	c, err := a.openCache()
	if err != nil {
		return err
	}
	defer c.Close()
	entries, err := c.List()
	if err != nil {
		return err
	}
	report := cacheReport{Dir: c.Dir(), Limit: c.Limit(), Entries: entries}
	for _, e := range entries {
		report.Disk += e.Disk
	}
	if o.json {
		return a.ui.json(report)
	}
	rows := [][]string{{"KEY", "STAGE", "SIZE", "LAST USED"}}
	for _, e := range entries {
		stage := e.Stage
		if e.Damaged != "" {
			stage = "(damaged)"
		}
		rows = append(rows, []string{e.Key[:min(12, len(e.Key))], stage, size(e.Disk), ago(time.Since(e.LastUsed))})
	}
	if len(entries) > 0 {
		for _, line := range table(rows) {
			a.ui.printf("%s\n", line)
		}
	}
	a.ui.printf("%s, %s of at most %s in %s\n", entryCount(len(entries)), size(report.Disk), size(report.Limit), report.Dir)
	return nil
}

func entryCount(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// ago is how long ago something was, in the largest unit.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

type cacheTrimOptions struct {
	to   string
	json bool
}

func newCacheTrim(a *app) *cobra.Command {
	var o cacheTrimOptions
	cmd := &cobra.Command{
		Use:   "trim",
		Short: "Remove what was not used for longest",
		Long: `Remove the entries not used for longest until the rest takes no more than --to.
Entries that a running build uses stay.`,
		Example: `  ingot cache trim --to 2GiB`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return runCacheTrim(a, o) },
	}
	cmd.Flags().StringVar(&o.to, "to", "", "`size` to trim to, such as 2GiB (default: half of what it takes)")
	jsonFlag(cmd, &o.json)
	return cmd
}

func runCacheTrim(a *app, o cacheTrimOptions) error {
	c, err := a.openCache()
	if err != nil {
		return err
	}
	defer c.Close()
	var limit int64
	if o.to != "" {
		n, err := appliance.ParseSize(o.to)
		if err != nil {
			return usagef("write a number with a unit, such as 2GiB", "--to: %v", err)
		}
		limit = int64(n)
	} else {
		now, err := c.Size()
		if err != nil {
			return err
		}
		limit = now / 2
	}
	removed, err := c.Trim(limit)
	return reportRemoved(a, c, removed, o.json, err)
}

func newCacheClear(a *app) *cobra.Command {
	var o cacheTrimOptions
	cmd := &cobra.Command{
		Use:   "clear",
		Short: "Remove all that no running build uses",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return runCacheClear(a, o) },
	}
	jsonFlag(cmd, &o.json)
	return cmd
}

func runCacheClear(a *app, o cacheTrimOptions) error {
	c, err := a.openCache()
	if err != nil {
		return err
	}
	defer c.Close()
	removed, err := c.Clear()
	return reportRemoved(a, c, removed, o.json, err)
}

func reportRemoved(a *app, c *pipeline.Cache, removed []pipeline.EntryInfo, asJSON bool, err error) error {
	if err != nil {
		return err
	}
	left, err := c.Size()
	if err != nil {
		return err
	}
	var freed int64
	for _, e := range removed {
		freed += e.Disk
	}
	if asJSON {
		if removed == nil {
			removed = []pipeline.EntryInfo{}
		}
		return a.ui.json(map[string]any{"removed": removed, "freed": freed, "disk": left})
	}
	a.ui.printf("removed %s, %s; %s left\n", entryCount(len(removed)), size(freed), size(left))
	return nil
}

func newCacheDir(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "dir",
		Short: "Print the cache's folder",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.openCache()
			if err != nil {
				return err
			}
			defer c.Close()
			a.ui.printf("%s\n", c.Dir())
			return nil
		},
	}
}
