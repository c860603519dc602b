//go:build !race

package schema

// slowdown is how much longer everything takes.
const slowdown = 1
