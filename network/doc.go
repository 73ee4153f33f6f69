// Package network speaks the Gitea Actions runner protocol, which Forgejo
// shares: one connection pool per endpoint, a client per registration, one
// table of what an error means, and the budgets of requests per endpoint.
package network
