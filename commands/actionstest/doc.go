// Package actionstest runs real actions: on a real node, over the executor of
// this machine, and with the toolkit that actions are written with. It has
// tests only, and those need the build tag real.
package actionstest
