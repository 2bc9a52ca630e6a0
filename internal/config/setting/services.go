package setting

import "github.com/ingotvm/ingot/internal/appliance"

// ServiceEnabled says whether a service runs as the document stands: the
// appliance is set up, its data is there, and the service's condition holds.
func ServiceEnabled(env Env, d *Document, s appliance.Service) bool {
	return d.Setup.Complete && !env.Held && holds(env, d, s.When)
}

// holds says whether a condition does; none always does.
func holds(env Env, d *Document, c *appliance.Condition) bool {
	return env.Definition().Holds(c, func(key string) string {
		if value, set := d.Application[key]; set {
			return value
		}
		return defaultOf(*env.Definition().Setting(key)) // there: Holds looked
	})
}
