package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
)

// versionOf is the file with the version of the appliance that a service's
// data is of. It goes back with the data.
type versionOf struct {
	Version string `json:"version"`
}

// VersionFile is the path of a service's file, relative to the data disk.
func VersionFile(service string) string {
	return filepath.Join(Dir, "services", service+".json")
}

// ReadVersion says which version a service's data is of; "" when nobody has
// written that down, or it cannot be read any more.
func ReadVersion(dataDir, service string) string {
	data, err := os.ReadFile(filepath.Join(dataDir, VersionFile(service)))
	var v versionOf
	if err != nil || Unseal(data, &v) != nil || !appliance.IsVersion(v.Version) {
		return ""
	}
	return v.Version
}

// WriteVersion writes down which version a service's data is of, durably.
func WriteVersion(dataDir, service, version string) error {
	data, err := Seal(versionOf{Version: version})
	if err != nil {
		return err
	}
	path := filepath.Join(dataDir, VersionFile(service))
	if err := makeDir(dataDir); err != nil {
		return fmt.Errorf("cannot write down the version of %s: %w", service, err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err == nil {
		err = host.SyncDir(filepath.Dir(filepath.Dir(path)))
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot write down the version of %s: %w", service, err)
	}
	return host.WriteFile(path, data, 0o600)
}
