package setting

// What tests of this package may look at.
var (
	ZonesText = zonesText
	IsPlain   = isPlain
)

// EnvironmentFile is [environmentFile] of one variable between two others.
func EnvironmentFile(name, value string) []byte {
	return environmentFile([]variable{{"BEFORE", "1"}, {name, value}, {"AFTER", "2"}})
}

// MaxRendered is how large a file made of a template may be.
const MaxRendered = maxRendered

// TemplateFunctions and TemplateNames are what templates have and begin from.
func TemplateFunctions() map[string]any { return templateFunctions() }

func TemplateNames(env Env, d *Document) []string {
	return sortedKeys(templateData(env, d, env.Definition().Services[0], nil))
}
