package setting

import (
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting/formats"
)

// Resource is a number that a service gets, worked out for the size of the
// machine as it is now.
type Resource struct {
	// Service is the name of the service, Title what people read.
	Service, Title string
	// Name is "memory" or that of the resource.
	Name string
	// Formula is as the definition has it.
	Formula string
	Value   int64
	// Bytes says that the value is a size.
	Bytes bool
}

// memoryResource is the name of a service's share of the memory.
const memoryResource = "memory"

// Resources are those of all services, in the order of the definition. One
// that cannot be worked out for this machine is left out: validation tells.
func Resources(env Env) []Resource {
	var all []Resource
	for _, service := range env.Definition().Services {
		list, _ := resourcesOf(env, service)
		all = append(all, list...)
	}
	return all
}

// resourcesOf are a service's resources: its memory first, the others by name.
func resourcesOf(env Env, service appliance.Service) ([]Resource, error) {
	var list []Resource
	var failed error
	add := func(name, text string) {
		formula, err := appliance.ParseFormula(text)
		var value int64
		if err == nil {
			value, err = formula.Eval(env.Memory, env.CPUs)
		}
		if err != nil {
			failed = fmt.Errorf("cannot work out %q of the service %s for this machine: %w", name, service.Name, err)
			return
		}
		title := service.Title
		if title == "" {
			title = service.Name
		}
		list = append(list, Resource{Service: service.Name, Title: title, Name: name, Formula: text, Value: value, Bytes: formula.Bytes()})
	}
	if service.Memory != "" {
		add(memoryResource, service.Memory)
	}
	for _, name := range sortedKeys(service.Resources) {
		add(name, service.Resources[name])
	}
	return list, failed
}

// fact shows a resource beside what the definition says of it.
func (r Resource) fact(l Language) Fact {
	f := Fact{Name: r.Name + " of " + r.Title, Wanted: r.Formula, Actual: formats.Of(l.Formats).Number(r.Value)}
	if r.Bytes {
		f.Actual = formats.Of(l.Formats).Size(r.Value)
	}
	if strings.Trim(r.Formula, "0123456789.") == "%" {
		f.Wanted += " of memory"
	}
	return f
}
