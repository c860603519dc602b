// Package source reads specs from git.
//
// A [Source] follows one ref of one repository, on this machine or behind
// https, ssh or git, and answers with a [Snapshot]: the files of exactly one
// commit, however many pushes, repacks and force-pushes go on meanwhile. Files
// are read straight from git's objects and only when asked for; their sizes and
// ids are known without reading them. What did not change between two snapshots
// is not read again.
//
// It never runs the git binary, a hook, a filter or a smudge driver. A remote
// repository is kept in memory, as the packs that the server sent. A credential
// goes to the host it was configured for and to no other, and is never printed.
//
// [Source.Commit] alone writes: one commit on top of the newest state, never by
// force, with whatever it was not asked to change as it is.
//
// [Source.Watch] only says "look again". A lost event costs at most one poll
// interval.
//
// It does not read the files' content, nor decide which of them are specs; see
// package schema.
package source
