//go:build race

package schema

// slowdown is how much longer everything takes under the race detector.
const slowdown = 5
