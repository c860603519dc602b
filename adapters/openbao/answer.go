package openbao

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// errNotOpenBAO says that an answer has not the form of OpenBAO's. What it said
// instead is not repeated: it may be anything.
var errNotOpenBAO = errors.New("the answer is not one of OpenBAO's")

// record is what is known of an entry from one read.
type record struct {
	// there reports that the key exists at all.
	there bool
	// live reports that the latest version can be read: fields is set.
	live bool
	// version is the number of the latest version, 0 if there was never one.
	version int
	// created is when that version was made, or the key if it has none. It
	// tells apart two lives of a key, which both begin with version 1.
	created string
	// deleted is when that version was deleted, if it was and still is there.
	deleted string
	fields  map[string]json.RawMessage
	custom  map[string]string
	// versions is set by reads of metadata.
	versions map[int]versionInfo
}

// versionInfo is what metadata says of one version.
type versionInfo struct {
	Created   string `json:"created_time"`
	Deletion  string `json:"deletion_time"`
	Destroyed bool   `json:"destroyed"`
}

// decodeData reads an answer to GET data: 200, or 404 in one of its shapes.
//
//	status | body                             | record
//	-------+----------------------------------+--------------------------------
//	200    | data.data and data.metadata      | live
//	404    | data.data null and data.metadata | there: deleted or destroyed
//	404    | {"errors":[]}                    | not there, or without a version
//	404    | errors that say something        | an error: no such mount, no such
//	       |                                  | namespace, another server
func decodeData(status int, body []byte) (record, error) {
	var in struct {
		Data *struct {
			Data     map[string]json.RawMessage `json:"data"`
			Metadata *struct {
				Created string            `json:"created_time"`
				Deleted string            `json:"deletion_time"`
				Custom  map[string]string `json:"custom_metadata"`
				Version int               `json:"version"`
			} `json:"metadata"`
		} `json:"data"`
		Errors *[]string `json:"errors"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return record{}, errNotOpenBAO
	}
	switch {
	case in.Data != nil && in.Data.Metadata != nil && in.Data.Metadata.Version > 0:
		m := in.Data.Metadata
		r := record{there: true, version: m.Version, created: m.Created, custom: m.Custom}
		if status == 200 {
			if in.Data.Data == nil {
				return record{}, errNotOpenBAO
			}
			r.live, r.fields = true, in.Data.Data
		} else {
			r.deleted = m.Deleted // of one that is live it may be a time to come
		}
		return r, nil
	case status == 404 && in.Data == nil && in.Errors != nil && len(*in.Errors) == 0:
		return record{}, nil
	default:
		return record{}, errNotOpenBAO
	}
}

// decodeMetadata reads an answer to GET metadata.
func decodeMetadata(status int, body []byte) (record, error) {
	var in struct {
		Data   *metadata `json:"data"`
		Errors *[]string `json:"errors"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return record{}, errNotOpenBAO
	}
	switch {
	case status == 200 && in.Data != nil && in.Data.Created != "":
		return in.Data.record()
	case status == 404 && in.Data == nil && in.Errors != nil && len(*in.Errors) == 0:
		return record{}, nil
	default:
		return record{}, errNotOpenBAO
	}
}

// metadata is a key's metadata in answers to GET and in detailed listings.
type metadata struct {
	Current  int                    `json:"current_version"`
	Created  string                 `json:"created_time"`
	Custom   map[string]string      `json:"custom_metadata"`
	Versions map[string]versionInfo `json:"versions"`
}

func (m metadata) record() (record, error) {
	r := record{
		there: true, version: m.Current, created: m.Created, custom: m.Custom, versions: make(map[int]versionInfo, len(m.Versions)),
	}
	for s, v := range m.Versions {
		n, err := strconv.Atoi(s)
		if err != nil || n <= 0 {
			return record{}, errNotOpenBAO
		}
		r.versions[n] = v
	}
	if v, found := r.versions[r.version]; found {
		r.created = v.Created
	}
	return r, nil
}

// decodeKeys reads an answer to LIST, with what a detailed one says of each.
func decodeKeys(status int, body []byte) ([]string, map[string]metadata, error) {
	var in struct {
		Data *struct {
			Keys []string            `json:"keys"`
			Info map[string]metadata `json:"key_info"`
		} `json:"data"`
		Errors *[]string `json:"errors"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, nil, errNotOpenBAO
	}
	switch {
	case status == 200 && in.Data != nil:
		return in.Data.Keys, in.Data.Info, nil
	case status == 404 && in.Data == nil && in.Errors != nil && len(*in.Errors) == 0:
		return nil, nil, nil
	default:
		return nil, nil, errNotOpenBAO
	}
}

// The fields of a credential.
const (
	fieldClientID      = "client_id"
	fieldClientSecret  = "client_secret"
	fieldTokenEndpoint = "token_endpoint"
	fieldIssuer        = "issuer"
	fieldAudience      = "audience"

	// These stand in place of client_secret where the client authenticates with
	// a key: PKCS #8 in PEM, and its key id.
	fieldAuthMethod = "token_endpoint_auth_method"
	fieldPrivateKey = "private_key"
	fieldKeyID      = "key_id"
)

// text returns a field that is a string; what is none counts as empty.
func (r record) text(field string) string {
	raw := r.fields[field]
	if n := len(raw); n >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : n-1]) // as nearly all are
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return ""
	}
	return s
}

// credential is r as the core sees it. The digest goes by the client id of the
// application that the credential is for, whatever stands in its field: a field
// that somebody changed does not make the secret another one.
func (r record) credential(e entry) resource.Credential {
	c := resource.Credential{Path: e.path, MarkDigest: r.custom[markDigest], Application: r.application(e.id)}
	if !r.live {
		return c
	}
	c.ClientID, c.TokenEndpoint = r.text(fieldClientID), r.text(fieldTokenEndpoint)
	c.Issuer, c.Audience, c.AuthMethod = r.text(fieldIssuer), r.text(fieldAudience), r.method()
	c.ClientSecret = r.secret()
	c.SecretDigest = c.ClientSecret.Digest(e.id.Binding.ClientID(c.Application))
	c.Since = since(r.created)
	if c.SecretDigest == c.MarkDigest {
		// A version that changed something else keeps the secret and its age.
		if at := since(r.custom[markSince]); !at.IsZero() {
			c.Since = at
		}
		c.Until = since(r.custom[markUntil])
	}
	return c
}

// changed is when what stands came to be as it is: when its latest version was
// written, or deleted. Of one that was destroyed, and of a key without a version,
// it is not known. Who did it is known to OpenBAO's audit log alone.
func (r record) changed() time.Time {
	if r.live {
		return since(r.created)
	}
	return since(r.deleted)
}

// guard is what a step carries as its version.
type guard struct {
	version int
	created string
	digest  string // of the mark
}

// guard returns the form in which a record's version goes into a plan.
func (r record) guard() string {
	if !r.there {
		return ""
	}
	return fmt.Sprintf("%d@%s#%s", r.version, r.created, r.custom[markDigest])
}

func parseGuard(s string) (guard, bool) {
	number, rest, at := strings.Cut(s, "@")
	created, digest, hash := strings.Cut(rest, "#")
	n, err := strconv.Atoi(number)
	return guard{version: n, created: created, digest: digest}, at && hash && err == nil
}

// since reads the time of a version; the zero time if it is none.
func since(created string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, created)
	if err != nil {
		return time.Time{}
	}
	return t
}
