package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/release"
)

// overlaid are the folders that can be written to until the machine restarts,
// with the most that may be written to them.
func overlaid() map[string]string { return map[string]string{"/etc": "16m", "/var": "25%"} }

// mountOverlays lays memory over /etc and /var of the verified root.
func (m *machine) mountOverlays() error {
	for target, size := range overlaid() {
		space := runDir + "/overlay" + target
		if err := mount("tmpfs", space, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size="+size); err != nil {
			return err
		}
		for _, dir := range []string{"upper", "work"} {
			if err := os.Mkdir(filepath.Join(space, dir), 0o755); err != nil {
				return err
			}
		}
		// The images' own folders, not those of the root that is made of
		// them: overlays may be stacked only twice, and services may want one.
		lower := strings.Join(lowers(m.what.Images, imagesDir, target), ":")
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, space, space)
		if err := mount("overlay", target, "overlay", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
			return err
		}
	}
	return nil
}

// lowers lists a folder in the layers of the root that have it, the topmost first.
func lowers(all []release.Image, dir, folder string) []string {
	var found []string
	for _, image := range all {
		path := filepath.Join(dir, image.Name) + folder
		if st, err := os.Stat(path); err == nil && st.IsDir() && image.Kind != release.ImageApp {
			found = append([]string{path}, found...)
		}
	}
	return found
}
