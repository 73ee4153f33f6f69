// Package action knows what a step may use: the references that stand behind
// `uses`, and the manifests of the actions they lead to.
//
// Both are written by strangers. Sizes are bounded, and no path in them leads
// out of the repository that the action came with.
package action
