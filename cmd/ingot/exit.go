package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// The exit statuses; docs/cli.md and --help list them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitDefinition  = 3
	exitHost        = 4
	exitStage       = 5
	exitNetwork     = 6
	exitStorage     = 7
	exitTest        = 8
	exitInterrupted = 130 // 128 + SIGINT, as shells say it
)

func exitHelp() string {
	var b strings.Builder
	for _, e := range []struct {
		status int
		means  string
	}{
		{exitOK, "done"},
		{exitFailure, "any other failure"},
		{exitUsage, "the command line is wrong"},
		{exitDefinition, "the definition is wrong"},
		{exitHost, "this machine lacks a program or a permission (see ingot doctor)"},
		{exitStage, "a stage of the build failed"},
		{exitNetwork, "the network or the package mirror failed"},
		{exitStorage, "no space or no permission, in the output folder or the cache"},
		{exitTest, "the appliance did not pass its tests"},
		{exitInterrupted, "interrupted"},
	} {
		fmt.Fprintf(&b, "  %3d  %s\n", e.status, e.means)
	}
	return strings.TrimRight(b.String(), "\n")
}

// errInterrupted says that the user or the system asked the program to end.
var errInterrupted = errors.New("interrupted")

// exitStatus is the one place where an error becomes an exit status. More
// special causes come first: a stage may have failed for lack of space.
func exitStatus(err error) int {
	var (
		usage    *usageError
		problems yamltext.Problems
		lack     *lackError
		built    *build.Error
		storage  *pipeline.StorageError
		stage    *pipeline.StageError
		tests    *testsFailedError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &problems):
		return exitDefinition
	case errors.As(err, &lack), errors.Is(err, host.ErrNotFound):
		return exitHost
	case errors.As(err, &storage):
		return exitStorage
	case errors.As(err, &built):
		return buildStatus(built.Kind)
	case errors.As(err, &stage):
		return exitStage
	case errors.As(err, &tests):
		return exitTest
	}
	return exitFailure
}

func buildStatus(kind build.Kind) int {
	switch kind {
	case build.KindDefinition:
		return exitDefinition
	case build.KindMirror:
		return exitNetwork
	case build.KindSpace:
		return exitStorage
	}
	return exitStage
}

// usageError says that the command line is wrong.
type usageError struct {
	message string
	hint    string
}

func (e *usageError) Error() string { return e.message }

// Hint says where to read on.
func (e *usageError) Hint() string { return e.hint }

func usagef(hint, format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...), hint: hint}
}

func asUsage(err error) error {
	message, _, _ := strings.Cut(err.Error(), "\n") // cobra adds suggestions below
	return &usageError{message: message, hint: "see: ingot --help"}
}

// lackError says that this machine cannot do something for want of a program,
// a file or a permission.
type lackError struct {
	message string
	hint    string
}

func (e *lackError) Error() string { return e.message }

// Hint says what to do.
func (e *lackError) Hint() string { return e.hint }
