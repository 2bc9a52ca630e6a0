package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
)

// initFacts is /run/ingot/init.json: what the initrd's init tells the agent.
type initFacts struct {
	FirstBoot bool `json:"first_boot"`
	// KernelToInit is from the kernel's start to init's, Init is its own run.
	KernelToInit int64 `json:"kernel_to_init_ms"`
	Init         int64 `json:"init_ms"`
	// Data is where data goes: "second-disk", "system-disk" or "memory".
	Data string `json:"data"`
	// DataReadOnly says that the data disk is damaged and only to be read.
	DataReadOnly bool `json:"data_read_only"`
	// Held says that the services are not started.
	Held bool `json:"held"`
	// ESP is the device of the EFI system partition, Slot the version that
	// was booted.
	ESP  string `json:"esp"`
	Slot string `json:"slot"`
	// Instance identifies this machine's system disk.
	Instance string `json:"instance"`
	// Adopt is whose the data disk was, when it waits to be taken over;
	// Refused why it cannot be.
	Adopt    *owner   `json:"adopt"`
	Refused  string   `json:"refused"`
	Warnings []string `json:"warnings"`
}

// foreign says that the data disk is another appliance's: it is neither read
// nor written until it is taken over.
func (f initFacts) foreign() bool { return f.Adopt != nil || f.Refused != "" }

// owner is the appliance that a data disk belongs to.
type owner struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Title   string `json:"title"`
}

// readBoot reads boot.json and init.json of the run folder. What is missing
// becomes a warning and a definition without services.
func readBoot(dir string) (*release.Boot, initFacts, []string) {
	var warnings []string
	boot := &release.Boot{}
	if err := readJSON(filepath.Join(dir, "boot.json"), boot); err != nil {
		warnings = append(warnings, err.Error())
	}
	if boot.Definition == nil {
		boot.Definition = &appliance.Definition{Name: "appliance", Version: "0.0.0"}
	}
	if boot.Definition.Title == "" {
		boot.Definition.Title = boot.Definition.Name
	}
	var facts initFacts
	if err := readJSON(filepath.Join(dir, "init.json"), &facts); err != nil {
		warnings = append(warnings, err.Error())
	}
	if facts.Data == "memory" {
		warnings = append(warnings, "there is no disk for data: everything is lost at power off. Attach a virtual disk and restart")
	}
	return boot, facts, append(facts.Warnings, warnings...)
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot read the boot description: %w", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("cannot read the boot description %s: %w", file, err)
	}
	return nil
}
