// Package gittest is a git server in memory, for tests of what fetches from
// one: smart HTTP in both protocol versions, private repositories, faults, and
// packs as no honest server makes them.
package gittest
