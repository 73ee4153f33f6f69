// Package gitwire talks to git servers: it lists refs and fetches the pack of
// one commit, over HTTP (smart, both versions of the protocol) and over SSH (by
// the ssh program).
//
// It is a client for fetching single commits, and little else: in the second
// version of the protocol a list of refs is one request with the names that
// are wanted, where git and its libraries ask for the server's abilities first,
// and in the first version for every ref that there is.
package gitwire
