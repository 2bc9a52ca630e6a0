package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// jsonFlag adds --json.
func jsonFlag(cmd *cobra.Command, value *bool) {
	cmd.Flags().BoolVar(value, "json", false, "print the result as JSON")
}

// variantFlag adds --variant, completed from the definition.
func variantFlag(cmd *cobra.Command, value *string) {
	cmd.Flags().StringVar(value, "variant", "", "`name` of the variant to use")
	complete(cmd, "variant", func(args []string) []string {
		d, err := locate(args)
		if err != nil {
			return nil
		}
		names, _ := appliance.VariantNames(os.DirFS(d.folder), d.file)
		return names
	})
}

// formatFlag adds --format.
func formatFlag(cmd *cobra.Command, value *[]string) {
	cmd.Flags().StringSliceVarP(value, "format", "f", []string{build.Formats[0]},
		"comma-separated `formats`: "+strings.Join(build.Formats, ", "))
	complete(cmd, "format", func([]string) []string { return build.Formats })
}

// complete offers values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values func(args []string) []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return values(args), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag was defined two lines above
	}
}

// checkFormats refuses unknown formats and drops repeated ones.
func checkFormats(formats []string) ([]string, error) {
	var known []string
	for _, f := range formats {
		f = strings.TrimSpace(f)
		if !slices.Contains(build.Formats, f) {
			return nil, usagef("the formats are "+strings.Join(build.Formats, ", "), "unknown format %q", f)
		}
		if !slices.Contains(known, f) {
			known = append(known, f)
		}
	}
	if len(known) == 0 {
		return nil, usagef("the formats are "+strings.Join(build.Formats, ", "), "no format")
	}
	return known, nil
}

// maxOneArg allows one argument, what it stands for being said in the error.
func maxOneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("see: "+cmd.CommandPath()+" --help", "%s takes one %s, not %d", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// location is where a definition lies.
type location struct {
	folder string // of the definition, as given
	file   string // base name
	shown  string // what problems call the file
}

// locate finds the definition that the arguments name: a folder, the file
// itself, or nothing for the current folder.
func locate(args []string) (location, error) {
	path := "."
	if len(args) > 0 {
		path = args[0]
	}
	info, err := os.Stat(path)
	if err != nil {
		return location{}, usagef("name a folder with an "+appliance.FileName+"; ingot init writes one",
			"cannot find a definition in %s: %v", path, causeOf(err))
	}
	if info.IsDir() {
		return location{path, appliance.FileName, filepath.Join(path, appliance.FileName)}, nil
	}
	return location{filepath.Dir(path), filepath.Base(path), path}, nil
}

// load reads the definition. The error is appliance.Problems.
func (l location) load(variant string) (*appliance.Definition, error) {
	return appliance.Load(os.DirFS(l.folder), l.file, appliance.Options{Variant: variant, Display: l.shown})
}

// causeOf is an error without the path that it already names.
func causeOf(err error) error {
	var path *os.PathError
	if e, ok := err.(*os.PathError); ok {
		path = e
		return path.Err
	}
	return err
}

// openCache opens the cache that flags and environment name.
func (a *app) openCache() (*pipeline.Cache, error) {
	dir := a.cacheDir
	if dir == "" {
		dir = a.getenv("INGOT_CACHE")
	}
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("cannot find a folder for the cache: %w", err)
		}
		dir = filepath.Join(user, "ingot")
	}
	limit := int64(pipeline.DefaultLimit)
	if text := a.getenv("INGOT_CACHE_SIZE"); text != "" {
		n, err := appliance.ParseSize(text)
		if err != nil {
			return nil, usagef("write a number with a unit, such as 20GiB", "INGOT_CACHE_SIZE: %v", err)
		}
		limit = int64(n)
	}
	return pipeline.OpenCache(dir, limit)
}
