// Package formats writes dates, numbers and sizes in the manner of a language
// and a country.
//
// Guarantees: every format can be shown on Linux's own console; a tag that is
// not known writes as ISO 8601 does. It translates nothing.
package formats
