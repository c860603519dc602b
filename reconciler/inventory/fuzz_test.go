package inventory

import (
	"strings"
	"testing"
)

// FuzzSource: no name of a database, however wrong, shows its password.
func FuzzSource(f *testing.F) {
	for _, s := range []string{"sqlite:a.db", "sqlite:///a.db", "sqlite::memory:", "sqlite://host/a", "postgres://u:%s@h/d", "postgres://u:%s@h:x/d?sslmode=y", "mysql://%s", "", "postgres://h/d?password=%s", "postgresql://u:%s", "postgres:/:%s@0", "postgres:///:%s@0", "postgres:/d?host=/run"} {
		f.Add(s)
	}
	const password = "planted-Zq7-password"
	f.Fuzz(func(t *testing.T, dsn string) {
		if kind, _, _ := strings.Cut(dsn, ":"); strings.Contains(kind, "%s") || strings.Count(dsn, "%s") > 1 {
			return // a kind of database or a host is said, and is nobody's password
		}
		dsn = strings.ReplaceAll(dsn, "%s", password)
		src, err := parseSource(dsn)
		if err != nil {
			if strings.Contains(dsn, ":"+password+"@") && strings.Contains(err.Error(), password) {
				t.Errorf("%q: %v", dsn, err)
			}
			return
		}
		if strings.HasPrefix(dsn, "postgres") && strings.Contains(src.shown, password) && strings.Contains(dsn, ":"+password+"@") {
			t.Errorf("%q is shown as %q", dsn, src.shown)
		}
		if src.postgres == "" && src.path == "" && !src.memory {
			t.Errorf("%q names nothing", dsn)
		}
	})
}
