package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Defaults of a [Config].
const (
	DefaultName         = "gateway"
	DefaultFieldManager = "gatewright"
	DefaultInstallation = "default"
	DefaultTraitName    = "api-configuration"
	DefaultInstanceName = "{component}-api-configuration"
	DefaultAPIKeyName   = "X-API-Key"
	DefaultAPIKeyIn     = "header"
	DefaultURLPath      = "/{environment}-{namespace}-{component}"
)

// RolloutSource says where the state of a RestApi is read.
type RolloutSource string

// The sources.
const (
	// RolloutAuto reads RestApis directly and, where they are not served or
	// may not be read, the copy.
	RolloutAuto RolloutSource = ""
	// RolloutDirect reads RestApis in the data plane.
	RolloutDirect RolloutSource = "direct"
	// RolloutCopy reads the copy of their status that OpenChoreo keeps in
	// RenderedReleases. It may be some minutes old.
	RolloutCopy RolloutSource = "copy"
)

// Config says how to reach the gateway of an environment. The zero value of a
// member means its default. Placeholders in templates are {component},
// {environment}, {namespace}, {organization} and {project}.
type Config struct {
	// RESTConfig reaches the API server that holds Components. Required.
	RESTConfig *rest.Config
	// DataPlane reaches the API server that holds RestApis and APIGateways;
	// nil means the same.
	DataPlane *rest.Config

	// Name is what people call the target.
	Name string
	// Environment is the environment that Discover, Watch and the key managers
	// are about. Empty means every environment for Discover and Watch.
	Environment string
	// Installation tells installations apart that share a cluster. It is the
	// value of the mark.
	Installation string
	// FieldManager owns what is applied. It must not change while endpoints
	// are owned.
	FieldManager string
	// NamespacePrefix and an organization's name make its namespace.
	NamespacePrefix string
	// Namespaces are those that Discover and Watch look into if they may not
	// look into all.
	Namespaces []string

	// TraitName is the trait that routes an API through the gateway.
	TraitName string
	// TraitKinds are the kinds of trait that may be attached, in order of
	// preference; empty means Trait, then ClusterTrait.
	TraitKinds []string
	// InstanceName is a template for the name of the trait's instance.
	InstanceName string
	// APIKeyName and APIKeyIn are the parameters of the api-key-auth policy.
	APIKeyName, APIKeyIn string

	// Adopt allows to take endpoints that another field manager applies.
	Adopt bool
	// Claims are field managers whose plain writes to the policies count as
	// ownership, too. Applying always does.
	Claims []string

	// Rollout says where RestApis are read.
	Rollout RolloutSource
	// GatewayURL is where callers reach the gateway, as
	// http://gateway.example:22893. Empty means the URL that OpenChoreo reports.
	GatewayURL string
	// URLPath is a template for an API's path below GatewayURL.
	URLPath string

	// APIGateway names the APIGateway of the environment. Without it nothing is
	// known of key managers.
	APIGateway ObjectName
	// ManageKeyManagers allows to write key managers.
	ManageKeyManagers bool

	// Logger may be nil.
	Logger *slog.Logger
}

// ObjectName names a namespaced object.
type ObjectName struct{ Namespace, Name string }

// String prints n as namespace/name.
func (n ObjectName) String() string { return n.Namespace + "/" + n.Name }

// IsZero reports that n names nothing.
func (n ObjectName) IsZero() bool { return n.Name == "" }

func (c Config) withDefaults() (Config, error) {
	if c.RESTConfig == nil {
		return c, errors.New("the configuration of the gateway names no Kubernetes API server")
	}
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.Name, DefaultName)
	set(&c.Installation, DefaultInstallation)
	set(&c.FieldManager, DefaultFieldManager)
	set(&c.TraitName, DefaultTraitName)
	set(&c.InstanceName, DefaultInstanceName)
	set(&c.APIKeyName, DefaultAPIKeyName)
	set(&c.APIKeyIn, DefaultAPIKeyIn)
	set(&c.URLPath, DefaultURLPath)
	if len(c.TraitKinds) == 0 {
		c.TraitKinds = []string{kindTrait, kindClusterTrait}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if !strings.Contains(c.InstanceName, "{component}") {
		// Instance names are unique within a Component only, so a fixed name
		// would do; it is refused to keep one name from meaning many things.
		return c, fmt.Errorf("instance name %q holds no {component}", c.InstanceName)
	}
	switch c.Rollout {
	case RolloutAuto, RolloutDirect, RolloutCopy:
	default:
		return c, fmt.Errorf("rollout source %q is none of direct, copy", c.Rollout)
	}
	if c.ManageKeyManagers && c.APIGateway.IsZero() {
		return c, errors.New("key managers can be managed only where the APIGateway is named")
	}
	return c, nil
}

// namespace is the namespace of an organization.
func (c *Config) namespace(organization string) string { return c.NamespacePrefix + organization }

// organization is the organization of a namespace.
func (c *Config) organization(namespace string) (string, bool) {
	return strings.CutPrefix(namespace, c.NamespacePrefix)
}

// expand fills a template for b.
func (c *Config) expand(template string, b resource.Binding) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "{")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		value, known := c.placeholder(name, b)
		if !ok || !known {
			out.WriteByte('{')
			template = rest
			continue
		}
		out.WriteString(value)
		template = after
	}
}

// placeholder is what a placeholder stands for.
func (c *Config) placeholder(name string, b resource.Binding) (string, bool) {
	switch name {
	case "component":
		return b.Agent, true
	case "environment":
		return b.Environment, true
	case "namespace":
		return c.namespace(b.Organization), true
	case "organization":
		return b.Organization, true
	case "project":
		return b.Project, true
	default:
		return "", false
	}
}

// instance is the name of the trait's instance on b's Component.
func (c *Config) instance(b resource.Binding) string { return c.expand(c.InstanceName, b) }
