package desk

import (
	"net/url"
	"time"
)

// Below is below.
func Below(base *url.URL, path string) (*url.URL, error) { return below(base, path) }

// SetPatience bounds how long an API may take.
func (d *Desk) SetPatience(p time.Duration) { d.patience = p }
