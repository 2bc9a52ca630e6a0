// Package web serves the management pages to browsers.
//
// It has a mux of its own, apart from the API's: a page can be framed,
// scripted against and replayed by other sites in ways that an API cannot,
// so every answer carries headers that forbid it, and no page has a script or
// a style of its own inside.
//
// Everything works without JavaScript. Pages are html/template, filled from
// the same source as the API; templates and style are embedded.
package web
