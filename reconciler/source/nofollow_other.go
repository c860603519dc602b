//go:build !unix

package source

// noFollow has no counterpart here; the file was looked at before.
const noFollow = 0
