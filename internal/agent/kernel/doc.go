// Package kernel is the kernel as settings touch it: adapters and routes
// (rtnetlink), the packet filter (nftables), the host's name and the console's
// keyboard.
//
// Glossary:
//
//   - table: the appliance's own in the packet filter, "ingot", of family
//     inet, with the one chain "input" whose policy is to drop. Other tables
//     are somebody else's and are let be.
//   - rule: one [setting.Rule]; one rule of the chain.
//   - origin: whose rule it is; kept in the kernel as the rule's comment,
//     "origin: comment", so that nft(8) shows it too.
//
// Guarantees: [Local.SetRules] replaces the table in one transaction of the
// kernel's: packets meet the old rules or the new ones, never none. What
// [Local.Rules] tells was read out of the kernel's own instructions and not
// out of comments; what this package would not have written has the origin
// "unknown".
//
// It does not set addresses or routes: networkd does.
package kernel
