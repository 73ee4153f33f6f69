// Package docker runs jobs in containers of an engine that speaks Docker's
// Engine API, and gives jobs on the host the containers that they ask for:
// services, docker actions, and a container of their own.
package docker
