package standin

import "errors"

// ErrNoPostgres says that this machine has no PostgreSQL to make an image of.
var ErrNoPostgres = errors.New("PostgreSQL is not installed here (apt-get install postgresql)")
