package appliance

import (
	"path"
	"strings"
	"time"
)

// fillDefaults gives every value that was not written its default, and writes
// those that mean the same in the same way.
func (d *Definition) fillDefaults() {
	orElse(&d.Title, d.Name)
	d.Description = strings.TrimSpace(d.Description)
	for language, file := range d.EULA {
		d.EULA[language] = cleanPath(file)
	}
	if b := d.Branding; b != nil {
		b.Logo = cleanPath(b.Logo)
		for i := range b.Pages {
			b.Pages[i].File = cleanPath(b.Pages[i].File)
		}
	}
	if s := d.Support; s != nil {
		for i, file := range s.Authority {
			s.Authority[i] = cleanPath(file)
		}
	}
	d.Updates.fillDefaults()
	orElse(&d.Base.Release, "trixie")
	orElse(&d.Base.Architecture, "amd64")
	orElse(&d.Base.Mirror, "http://deb.debian.org/debian")
	for i := range d.Services {
		d.Services[i].fillDefaults()
	}
	for i := range d.Settings {
		d.Settings[i].fillDefaults()
	}
	for i := range d.Settings {
		d.fillCondition(d.Settings[i].When)
	}
	for i := range d.Services {
		d.fillCondition(d.Services[i].When)
	}
	d.Hardware.fillDefaults()
	for i := range d.Tests {
		orElse(&d.Tests[i].Name, d.Tests[i].HTTP)
		orElse(&d.Tests[i].Expect, 200)
	}
}

func (s *Service) fillDefaults() {
	orElse(&s.Title, s.Name)
	s.Binary, s.Files, s.Command = cleanPath(s.Binary), cleanPath(s.Files), cleanPath(s.Command)
	s.Data.fillDefaults(s.Kind())
	for i := range s.Ports {
		p := &s.Ports[i]
		orElse(&p.Protocol, "tcp")
		if p.Title != "" {
			scheme := "http"
			if p.Port == HTTPSPort || p.HTTPS {
				scheme = "https"
			}
			orElse(&p.Scheme, scheme)
			orElse(&p.Path, "/")
		}
	}
	if s.Health != nil {
		orElse(&s.Health.Every, Duration(10*time.Second))
		orElse(&s.Health.Timeout, Duration(5*time.Second))
	}
	orElse(&s.OnChange, OnChangeRestart)
	if s.Check != nil {
		orElse(&s.Check.Timeout, Duration(20*time.Second))
		if command := s.Check.Command; len(command) > 0 && s.Kind() == KindFiles {
			command[0] = cleanPath(command[0])
		}
	}
	for i := range s.Templates {
		t := &s.Templates[i]
		t.Source, t.Target = cleanPath(t.Source), cleanPath(t.Target)
		orElse(&t.Mode, "0600")
		owner := s.User()
		if s.Kind() == KindPackages {
			owner = "root"
		}
		orElse(&t.Owner, owner)
	}
}

// fillDefaults also writes values in their canonical form; what is no value
// stays as it is, for the check.
func (s *Setting) fillDefaults() {
	orElse(&s.Title, s.Key)
	orElse(&s.Group, "Application")
	orElse(&s.Type, TypeString)
	orElse(&s.Variable, strings.ToUpper(s.Key))
	s.Help = strings.TrimSpace(s.Help)
	for i := range s.Options {
		orElse(&s.Options[i].Title, s.Options[i].Value)
	}
	if s.Type == TypeBool {
		orElse(&s.Default, "false")
	}
	for _, v := range []*Scalar{&s.Default, &s.Example} {
		if canonical, err := s.parseType(string(*v)); err == nil {
			*v = Scalar(canonical)
		}
	}
	for _, v := range []*Scalar{&s.Minimum, &s.Maximum} {
		if canonical, _, err := s.parseLimit(string(*v)); err == nil && s.isMeasured() {
			*v = Scalar(canonical)
		}
	}
}

// fillCondition writes the value of a condition in its canonical form.
func (d *Definition) fillCondition(when *Condition) {
	if when == nil {
		return
	}
	if s := d.Setting(when.Setting); s != nil {
		if canonical, err := s.parseType(string(when.Is)); err == nil {
			when.Is = Scalar(canonical)
		}
	}
}

func (h *Hardware) fillDefaults() {
	orElse(&h.CPUs, 2)
	m := &h.Memory
	// One given value beyond the other's default moves the default.
	switch {
	case m.Minimum == 0 && m.Recommended == 0:
		m.Minimum, m.Recommended = 256*MiB, GiB
	case m.Minimum == 0:
		m.Minimum = min(256*MiB, m.Recommended)
	case m.Recommended == 0:
		m.Recommended = max(GiB, m.Minimum)
	}
	// vSphere powers on no machine whose memory is not a multiple of 4 MiB.
	m.Minimum, m.Recommended = m.Minimum.roundUp(4*MiB), m.Recommended.roundUp(4*MiB)
	orElse(&h.Disks.System, 4*GiB)
	h.Disks.System, h.Disks.Data = h.Disks.System.roundUp(MiB), h.Disks.Data.roundUp(MiB)
}

// orElse gives a value that was not written its default.
func orElse[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// cleanPath is the shortest path that means the same, "" for "".
func cleanPath(p string) string {
	if p == "" {
		return ""
	}
	return path.Clean(p)
}
