package schema

import "strings"

// rule says in words what the definitions ask of a field.
type rule struct {
	code string
	// want completes "has to be".
	want string
	hint string
}

// rules maps the path of a field, relative to its agent and with * for a name
// or an index, to its rule.
var rules = map[string]rule{
	"":                       {"wrong-type", "a mapping of fields", ""},
	"organization":           nameRule,
	"project":                nameRule,
	"kind":                   nameRule,
	"labels":                 {"bad-label", "a mapping of keys to values", ""},
	"labels.*":               {"bad-label", "a label value of Kubernetes: at most 63 letters, digits, - _ . with a letter or digit at both ends", ""},
	"interface":              {"wrong-type", "a mapping with port, context, basePath, version and operations", ""},
	"interface.context":      pathRule,
	"interface.basePath":     pathRule,
	"interface.port":         {"bad-port", "a number from 1 to 65535", ""},
	"interface.version":      {"bad-version", "a version such as v1.0", ""},
	"interface.operations":   {"wrong-type", "a list of operations", ""},
	"interface.operations.*": {"wrong-type", "a mapping with method and path", ""},
	"interface.operations.*.method": {
		"bad-method", "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS", "",
	},
	"interface.operations.*.path": {
		"bad-path", "a path that starts with /, whose segments are names or {parameters}, and whose last segment may be *", "",
	},
	"environments":   {"wrong-type", "a mapping of at least one environment name to its settings", ""},
	"environments.*": {"wrong-type", "a mapping with endpointAuthentication", ""},
	"suspend":        suspendRule,
	"suspend.reason": reasonRule,
	"suspend.until":  timeRule,
	"deletion":       deletionRule,
	"drift":          driftRule,

	"environments.*.suspend":        suspendRule,
	"environments.*.suspend.reason": reasonRule,
	"environments.*.suspend.until":  timeRule,
	"environments.*.deletion":       deletionRule,
	"environments.*.drift":          driftRule,
	"environments.*.adopt":          {"bad-adopt", "a list of \"client\", \"credential\" and \"endpoint\"", ""},
	"environments.*.adopt.*":        {"bad-adopt", `"client", "credential" or "endpoint"`, ""},

	authPath:                   {"wrong-type", "a mapping with scheme", ""},
	authPath + ".scheme":       {"bad-scheme", `"oauth2", "apiKey" or "none"`, ""},
	authPath + ".header":       {"bad-header", "the name of a header: a token of RFC 9110", ""},
	authPath + ".prefix":       {"bad-prefix", "a token of RFC 9110, or empty", "the blank after it is added by the gateway"},
	authPath + ".forwardToken": {"wrong-type", "true or false", ""},
	authPath + ".issuers":      {"bad-issuers", "a list of at least one name of a key manager, each once", ""},
	authPath + ".issuers.*":    {"bad-issuers", "the name of a key manager: letters, digits, - _ .", ""},
	authPath + ".token":        {"wrong-type", "a mapping with validity", ""},
	authPath + ".token.validity": {
		"bad-duration", "a duration of whole seconds from 1s to 24h", "write it as 15m or 1h30m",
	},
	authPath + ".test":             {"wrong-type", "true or false", ""},
	authPath + ".clients":          {"wrong-type", "a mapping of client names to their settings", ""},
	authPath + ".clients.*":        {"wrong-type", "a mapping, which may be empty", "write {} for a client without settings"},
	authPath + ".rotation":         rotationRule,
	authPath + ".rotation.every":   everyRule,
	authPath + ".rotation.overlap": overlapRule,

	authPath + ".clients.*.authMethod": {"bad-auth-method", `"client_secret_basic" or "private_key_jwt"`, ""},

	authPath + ".clients.*.rotation":         rotationRule,
	authPath + ".clients.*.rotation.every":   everyRule,
	authPath + ".clients.*.rotation.overlap": overlapRule,
}

// authPath is the path of an environment's authentication.
const authPath = "environments.*.endpointAuthentication"

// Rules that several fields share.
var (
	nameRule = rule{
		"bad-name", "a DNS label: at most 63 lower-case letters, digits and -, with a letter or digit at both ends",
		"names end in client ids, where _ separates them",
	}
	pathRule = rule{
		"bad-path", "an absolute path of letters, digits, - . _ ~ without .. and without a trailing /", "write it as /booking",
	}
	suspendRule  = rule{"wrong-type", "a mapping with reason and until", ""}
	reasonRule   = rule{"bad-reason", "one line of text", ""}
	timeRule     = rule{"bad-time", "a time of RFC 3339", "write it as 2026-12-01T08:00:00Z"}
	rotationRule = rule{"wrong-type", "a mapping with every and overlap", ""}
	everyRule    = rule{"bad-duration", "a duration of whole seconds from 1s to 366 days", "write it as 720h"}
	overlapRule  = rule{"bad-duration", "a duration of whole seconds, at least 1s and shorter than every", "write it as 24h"}
	deletionRule = rule{"bad-deletion", `"prune", "protect" or "orphan"`, ""}
	driftRule    = rule{"bad-drift", `"repair" or "report"`, ""}
)

// members maps the path of a mapping to the fields it may have. A mapping that
// is not listed takes any name.
var members = map[string][]string{
	"":                       {"organization", "project", "kind", "labels", "interface", "environments", "suspend", "deletion", "drift"},
	"interface":              {"context", "port", "basePath", "version", "operations"},
	"interface.operations.*": {"method", "path"},
	"environments.*":         {"endpointAuthentication", "suspend", "deletion", "drift", "adopt"},
	"suspend":                {"reason", "until"},
	"environments.*.suspend": {"reason", "until"},
	authPath:                 append([]string{"scheme"}, oauth2Fields...),
	authPath + ".token":      {"validity"},
	authPath + ".clients.*":  {"authMethod", "rotation"},

	authPath + ".rotation":           {"every", "overlap"},
	authPath + ".clients.*.rotation": {"every", "overlap"},
}

// oauth2Fields are the fields that belong to scheme oauth2 alone.
var oauth2Fields = []string{"header", "prefix", "forwardToken", "issuers", "token", "test", "rotation", "clients"}

// open are the mappings whose keys are chosen by the author.
var open = map[string]bool{
	"labels": true, "environments": true, "interface.operations": true,
	authPath + ".issuers": true, authPath + ".clients": true, "environments.*.adopt": true,
}

// generic turns the path of a field into the form that the tables are keyed
// by.
func generic(path []string) string {
	var b strings.Builder
	for i, name := range path {
		parent := b.String()
		if i > 0 {
			b.WriteByte('.')
		}
		if open[parent] {
			b.WriteByte('*')
		} else {
			b.WriteString(strings.TrimPrefix(name, "_"))
		}
	}
	return b.String()
}
