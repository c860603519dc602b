// Package config reads gatewright's configuration: one file in YAML or CUE,
// GATEWRIGHT_… environment variables and flags, each overriding the one before,
// over the defaults of config.cue.
//
// config.cue is the source of truth of what a configuration may say. This
// package promises that a configuration without errors satisfies it, that
// everything wrong is reported at once as diagnostics that name the file and
// the line, the variable or the flag and say what would be right, and that no
// rendering of a configuration shows a secret.
//
// Secrets are named, not held: a SecretRef is read anew each time it is used,
// so that a secret that was replaced on disk is picked up. Nothing is connected
// to here.
package config
