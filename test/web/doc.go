// Package web tests the management pages as browsers see them: the pages, the
// API and the agent of an example appliance, run in this process on loopback,
// away from the machine. Plain HTTP clients are browsers without JavaScript;
// Chromium is one with.
package web
