package config

import (
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Config is a whole configuration, with defaults filled in. config.cue says
// what each field is for.
type Config struct {
	// File is the absolute path of the file it was read from, or empty.
	File string `json:"-"`

	Installation string        `json:"installation"`
	Source       Source        `json:"source"`
	Database     Database      `json:"database"`
	Interval     time.Duration `json:"interval"`
	Rollout      time.Duration `json:"rollout"`
	Listen       string        `json:"listen"`
	ListenPublic bool          `json:"listenPublicly"`
	Log          Log           `json:"log"`
	Evaluation   Evaluation    `json:"evaluation"`
	Safety       Safety        `json:"safety"`
	History      History       `json:"history"`
	Console      Console       `json:"console"`
	// Environments by name.
	Environments map[string]Environment `json:"environments"`
}

// Source is where the specs are.
type Source struct {
	// Repository is an absolute path or a URL; empty if none is configured.
	Repository string        `json:"repository,omitempty"`
	Branch     string        `json:"branch,omitempty"`
	Tag        string        `json:"tag,omitempty"`
	Path       string        `json:"path,omitempty"`
	Poll       time.Duration `json:"poll"`
	Timeout    time.Duration `json:"timeout"`
	Auth       SourceAuth    `json:"auth"`
}

// SourceAuth is how to log in to a remote repository.
type SourceAuth struct {
	Username   string    `json:"username,omitempty"`
	Password   SecretRef `json:"password,omitzero"`
	Token      SecretRef `json:"token,omitzero"`
	SSHKey     SSHKey    `json:"sshKey,omitzero"`
	KnownHosts string    `json:"knownHosts,omitempty"`
	CAFile     string    `json:"caFile,omitempty"`
}

// SSHKey names a private key.
type SSHKey struct {
	File string `json:"file"`
}

// Database names the inventory.
type Database struct {
	URL SecretRef `json:"url"`
}

// DSN is the data source name for inventory.Open.
func (d Database) DSN() (resource.Secret, error) { return d.URL.Resolve() }

// String names the database for people, without a password.
func (d Database) String() string {
	if d.URL.File != "" || d.URL.Env != "" {
		return d.URL.String()
	}
	return inventory.Redact(d.URL.Value.Reveal())
}

// Log is what is logged, and how.
type Log struct {
	Level  string `json:"level"`
	Format string `json:"format"`
}

// Evaluation is what evaluating specs may cost.
type Evaluation struct {
	CPU      time.Duration `json:"cpu"`
	Wall     time.Duration `json:"wall"`
	Memory   int64         `json:"memory"`
	Output   int64         `json:"output"`
	FileSize int64         `json:"fileSize"`
	Files    int           `json:"files"`
}

// Safety is when to stop and ask.
type Safety struct {
	MassChange MassChange `json:"massChange"`
}

// MassChange is how much one plan may take away; see plan.Limits.
type MassChange struct {
	Percent int `json:"percent"`
	From    int `json:"from"`
}

// History is how much history is kept; see inventory.RunRetention.
type History struct {
	Age    time.Duration `json:"age"`
	Runs   int           `json:"runs"`
	Events int           `json:"events"`
}

// Environment is one environment that specs may name.
type Environment struct {
	Production bool    `json:"production"`
	Token      Token   `json:"token"`
	Thunder    Thunder `json:"thunder"`
	OpenBAO    OpenBAO `json:"openbao"`
	Cluster    Cluster `json:"cluster"`
	Gateway    Gateway `json:"gateway"`
	Drift      Drift   `json:"drift"`
	Limits     Limits  `json:"limits"`
	// Safety is that of the whole where the environment says nothing.
	Safety Safety `json:"safety"`
}

// Drift is what happens to what was changed behind our back.
type Drift string

// The ways to meet drift.
const (
	DriftRepair Drift = "repair"
	DriftReport Drift = "report"
)

// Token is about access tokens.
type Token struct {
	// Validity is in whole seconds.
	Validity time.Duration `json:"validity"`
}

// Limits are how many steps may be under way at each target, and how long one
// look at a target and one step may take; see target.Limits.
type Limits struct {
	Thunder     int           `json:"thunder"`
	OpenBAO     int           `json:"openbao"`
	Gateway     int           `json:"gateway"`
	Observation time.Duration `json:"observation"`
	Step        time.Duration `json:"step"`
}

// Thunder is the identity provider of an environment.
type Thunder struct {
	URL                string        `json:"url"`
	ClientID           string        `json:"clientID"`
	ClientSecret       SecretRef     `json:"clientSecret"`
	Resource           string        `json:"resource,omitempty"`
	OrganizationUnit   string        `json:"organizationUnit,omitempty"`
	Issuer             string        `json:"issuer,omitempty"`
	TokenEndpoint      string        `json:"tokenEndpoint,omitempty"`
	JWKS               string        `json:"jwks,omitempty"`
	Creates            int           `json:"creates"`
	Reads              int           `json:"reads"`
	Timeout            time.Duration `json:"timeout"`
	CAFile             string        `json:"caFile,omitempty"`
	InsecureSkipVerify bool          `json:"insecureSkipVerify"`
}

// OpenBAO is the secret store of an environment.
type OpenBAO struct {
	Address   string        `json:"address"`
	Mount     string        `json:"mount"`
	Prefix    string        `json:"prefix"`
	Namespace string        `json:"namespace,omitempty"`
	Auth      OpenBAOAuth   `json:"auth"`
	CAFile    string        `json:"caFile,omitempty"`
	Timeout   time.Duration `json:"timeout"`
	Reads     int           `json:"reads"`
}

// OpenBAOAuth is how to log in: exactly one member is set.
type OpenBAOAuth struct {
	Token      *SecretRef      `json:"token,omitempty"`
	AppRole    *AppRole        `json:"appRole,omitempty"`
	Kubernetes *KubernetesAuth `json:"kubernetes,omitempty"`
}

// AppRole logs in with a role id and a secret id.
type AppRole struct {
	RoleID   string    `json:"roleID"`
	SecretID SecretRef `json:"secretID"`
	Mount    string    `json:"mount"`
}

// KubernetesAuth logs in with the service account token of the pod.
type KubernetesAuth struct {
	Role      string `json:"role"`
	Mount     string `json:"mount"`
	TokenFile string `json:"tokenFile,omitempty"`
}

// Cluster is the Kubernetes API server of an environment.
type Cluster struct {
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Context    string `json:"context,omitempty"`
	InCluster  bool   `json:"inCluster"`
}

// Gateway is the gateway of an environment.
type Gateway struct {
	URL               string                `json:"url,omitempty"`
	APIGateway        ObjectName            `json:"apiGateway,omitzero"`
	Trait             string                `json:"trait"`
	FieldManager      string                `json:"fieldManager"`
	ManageKeyManagers bool                  `json:"manageKeyManagers"`
	KeyManagers       map[string]KeyManager `json:"keyManagers"`
	APIKey            APIKey                `json:"apiKey"`
	Force             bool                  `json:"force"`
}

// ObjectName names a namespaced object.
type ObjectName struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// KeyManager is an issuer that specs may name. Without an Issuer it is the
// environment's Thunder.
type KeyManager struct {
	Issuer string `json:"issuer,omitempty"`
	JWKS   string `json:"jwks,omitempty"`
}

// APIKey is where callers with the scheme apiKey put their key.
type APIKey struct {
	Name string `json:"name"`
	In   string `json:"in"`
}

// defaultKeyManager is the issuer that specs name where none is configured.
const defaultKeyManager = "ThunderKeyManager"

// complete fills in what depends on more than one field.
func (c *Config) complete(said func(path ...string) bool) {
	for name, e := range c.Environments {
		if !said("environments", name, "production") {
			e.Production = name == "production" || name == "prod"
		}
		if !said("environments", name, "safety", "massChange", "percent") {
			e.Safety.MassChange.Percent = c.Safety.MassChange.Percent
		}
		if !said("environments", name, "safety", "massChange", "from") {
			e.Safety.MassChange.From = c.Safety.MassChange.From
		}
		if len(e.Gateway.KeyManagers) == 0 {
			e.Gateway.KeyManagers = map[string]KeyManager{defaultKeyManager: {}}
		}
		c.Environments[name] = e
	}
	if c.Environments == nil {
		c.Environments = map[string]Environment{}
	}
}
