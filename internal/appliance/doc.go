// Package appliance holds the appliance definition: its types, parsing with
// positions, validation, defaults, variants and JSON Schema.
//
// Words:
//
//   - definition: one appliance.yaml, or what [Load] made of it.
//   - variant: a named overlay in the definition.
//   - resolved: with one variant (or none) merged in and every default filled
//     in. All that Load returns is resolved; nothing else in Ingot deals with
//     overlays or defaults.
//   - setting: one value of the application that the administrator may set;
//     canonical is the one text of all that mean the same.
//   - formula: how a number follows from the machine's memory and CPUs.
//   - problem: one thing that is wrong with a definition, with its place;
//     package yamltext has them.
//
// Guarantees:
//
//   - Load returns either a definition that keeps every rule in
//     docs/definition.md, or [yamltext.Problems] that name all that is
//     wrong, in the order of the file. It never returns both, and never panics, whatever
//     the bytes are.
//
//   - A definition that was loaded, and then written as YAML and loaded again,
//     or written as JSON and read again, is equal to the first (YAML does not
//     keep the name of the variant that was merged in).
//
//   - Names, packages, paths, units and versions of a loaded definition hold
//     only characters that are safe in file names, unit files, kernel command
//     lines and as program arguments.
//
//   - A value that [Setting.Parse] takes is canonical, and parsing it again
//     changes nothing. Formulas of a loaded definition can be read.
//
// The package is pure data and imports of Ingot only its own parts: yamltext
// reads the text, syntax says what words are made of, formula and certificate
// read such values. Files that a definition names are looked up through the
// fs.FS that the caller hands in. Licences and templates are read; of others
// only their kind is looked at: it does not check that a binary runs on the
// appliance, nor that a Debian package exists.
package appliance
