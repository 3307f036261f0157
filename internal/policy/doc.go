// Package policy decides what may pass to Jellyfin. It has two halves.
//
// [ParsePath] turns a request target, as it came off the wire, into the one
// path that it means to Jellyfin. Jellyfin understands many spellings of a path
// (letter case, percent-encoding, dot segments, the old prefixes /emby and
// /mediabrowser with a second decoding behind them), and a guard that reads a
// path differently from the guarded is no guard. So there is one canonical
// spelling: it is decided on, and it is what Jellyfin gets. A target that could
// mean two things is refused.
//
// [Policy.Decide] looks that path up in a table of routes, routes.txt, which
// has a row for every operation of Jellyfin 10.10, 10.11 and 12. What the table
// does not know (plugins, later versions) needs a token: nothing is open by
// accident. An admin's own lines go before the table ([Compile]); what would open
// a way around the second factor, or contradicts another line, is an error with
// the reason.
//
// What a decision comes to is said by [Decision.Needs], under the admin's
// [Switches], for the gateway and for [Policy.Explain] alike, which says in words
// what happens to whom and why.
//
// The package does no input or output and knows nothing of sessions or tokens:
// it says what a request needs, and the gateway sees to it.
package policy
