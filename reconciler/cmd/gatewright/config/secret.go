package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// SecretRef says where a secret is: in a file, in an environment variable, or
// in the configuration itself, which is discouraged. At most one member is set.
type SecretRef struct {
	// File is an absolute path.
	File string
	// Env is the name of a variable.
	Env string
	// Value is the secret itself.
	Value resource.Secret
	// key is the setting, for messages.
	key string
}

// maxSecret bounds what is read: a path that names something else must not
// fill the memory.
const maxSecret = 64 << 10

// IsZero reports that no secret is configured.
func (r SecretRef) IsZero() bool { return r.File == "" && r.Env == "" && r.Value.IsZero() }

// Resolve reads the secret as it is now. A line break at its end is not part of
// it. Errors are *fault.Error of class stalled and hold nothing of the secret.
// For a reference that is zero, the secret is empty.
func (r SecretRef) Resolve() (resource.Secret, error) {
	switch {
	case r.File != "":
		return r.fromFile()
	case r.Env != "":
		value, ok := os.LookupEnv(r.Env)
		if value = trim(value); value == "" {
			what := "is not set"
			if ok {
				what = "is empty"
			}
			return resource.Secret{}, r.unresolved("the environment variable %s "+what, r.Env)
		}
		return resource.NewSecret(value), nil
	default:
		return r.Value, nil
	}
}

// fromFile reads the file of r.
func (r SecretRef) fromFile() (resource.Secret, error) {
	f, err := os.Open(r.File)
	if err != nil {
		return resource.Secret{}, r.unresolved("%w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return resource.Secret{}, r.unresolved("%w", err)
	}
	value := trim(string(b))
	switch {
	case value == "":
		return resource.Secret{}, r.unresolved("the file %s is empty", r.File)
	case len(b) > maxSecret:
		return resource.Secret{}, r.unresolved("the file %s is larger than any secret", r.File)
	case strings.ContainsRune(value, 0):
		return resource.Secret{}, r.unresolved("the file %s is not text", r.File)
	}
	return resource.NewSecret(value), nil
}

// trim takes the line break off that editors leave.
func trim(s string) string { return strings.TrimRight(s, "\r\n") }

func (r SecretRef) unresolved(format string, args ...any) error {
	e := fault.New(fault.Stalled, "SecretUnreadable", format, args...)
	e.Target, e.Op, e.Resource = "configuration", "read secret", r.key
	e.Hint = "put the secret there, readable by the user of this process alone"
	if err := e.Unwrap(); errors.Is(err, fs.ErrPermission) {
		e.Hint = "let the user of this process read " + r.File
	}
	return e
}

// exposed reports whether everybody on the machine may read the file of r.
func (r SecretRef) exposed() bool {
	if r.File == "" {
		return false
	}
	info, err := os.Stat(r.File)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0
}

// String says where the secret is, never what it is.
func (r SecretRef) String() string {
	switch {
	case r.File != "":
		return "file " + r.File
	case r.Env != "":
		return "variable " + r.Env
	case r.Value.IsZero():
		return ""
	default:
		return resource.Redacted
	}
}

// MarshalJSON writes the reference as it is configured, a secret as ***.
func (r SecretRef) MarshalJSON() ([]byte, error) {
	switch {
	case r.File != "":
		return json.Marshal(map[string]string{"file": r.File})
	case r.Env != "":
		return json.Marshal(map[string]string{"env": r.Env})
	default:
		return json.Marshal(r.String())
	}
}

// secretFrom is the inverse of how a secret is configured, once it satisfies
// the schema.
func secretFrom(v any) (SecretRef, error) {
	switch v := v.(type) {
	case string:
		return SecretRef{Value: resource.NewSecret(v)}, nil
	case map[string]any:
		file, _ := v["file"].(string)
		env, _ := v["env"].(string)
		return SecretRef{File: file, Env: env}, nil
	default:
		return SecretRef{}, fmt.Errorf("a secret of type %T", v)
	}
}
