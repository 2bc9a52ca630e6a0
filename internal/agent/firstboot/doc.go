// Package firstboot says how far the set-up of an appliance has come: which
// steps of the wizard are answered, which must be, and when the application
// may be opened. It is pure: a document and its surroundings in, steps out;
// the agent commits what is answered.
//
// Glossary:
//
//   - step: one page of the wizard; setting.Steps lists them in order.
//   - needed: the step must still be answered.
//   - complete: no step is needed; only then the application is open.
//   - code: the one-time code that the console shows and a remote wizard must
//     give, so that nobody else on the network sets the appliance up.
package firstboot
