// Package policytest holds what tests of the policy have in common, whether they
// ask it in process or send bytes through the whole program: a generator of
// requests in spellings that some reader takes for others ([Generator]), an
// executable model of what Jellyfin's servers do with a request target ([Model]),
// the laws that hold for every request ([Laws]), and an oracle that says what must
// become of one ([Oracle]).
//
// The model and the oracle are written down from the rules of Jellyfin and of
// ASP.NET Core and share no code with package policy.
package policytest
