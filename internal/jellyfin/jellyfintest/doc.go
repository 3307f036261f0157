// Package jellyfintest is a Jellyfin server that fits into a test: a fake that
// behaves as real servers of 10.11 and 12 were recorded to behave, at the
// places where a gateway in front of one can go wrong. It can be a 10.10, too,
// as far as that one's source was read.
//
// It understands a request target as Kestrel and ASP.NET Core do (percent
// decoding, dot segments, base URL, the /emby and /mediabrowser prefixes with
// their second decoding, routing without regard to case over the whole table
// of operations), reads every way in which a token can be presented, keeps
// users, tokens, devices and sessions by Jellyfin's rules, signs in by name, by
// id and by Quick Connect, streams films of any size, opens WebSockets on any
// path, starts, restarts and offers its wizard. The page below /web/ acts as
// jellyfin-web does with what it finds in the browser's local storage.
//
// Every operation that has no behaviour of its own here still answers with the
// status that was recorded for a stranger and for an ordinary user.
//
// A [Server] counts what reached it by action, as Jellyfin names it
// ("UserController.AuthenticateUserByName"), and on demand keeps the requests
// themselves, so that a test can say what was forwarded and what never was.
//
// The recordings that it is held to by its own tests lie in recorded/ and are
// there for other packages' tests too: [RecordedPaths], [BypassTable],
// [Operations], [Transcripts], [AppRequests], [NativeRequests] and
// [Web10_10Requests].
//
// One thing it cannot do over a connection: Go's HTTP server refuses targets with
// a percent sign that begins no encoding (400), where Kestrel takes the sign as
// it is. [Server.ServeHTTP] takes them, so tests that hand requests to it with
// RequestURI set leave none out.
package jellyfintest
