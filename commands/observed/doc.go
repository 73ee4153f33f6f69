// Package observed is for tests with the tag real in which a real Prometheus
// watches a runner.
package observed
