package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// managersAnnotation on a ConfigMap names the key managers that an installation
// has written, in the form of a query: installation=name&installation=name.
const managersAnnotation = "gatewright.dev/key-managers"

// gatewayConfig is a gateway's configuration as it was read.
type gatewayConfig struct {
	name    ObjectName
	version string
	// key is the ConfigMap's key that holds it.
	key, text string
	managers  []KeyManager
	marks     string
	// deployed is the operator's hash of the configuration that the gateway was
	// deployed with last, and empty if the operator does not say. programmed is
	// its condition.
	deployed   string
	programmed condition
}

type configMap struct {
	Metadata meta              `json:"metadata"`
	Data     map[string]string `json:"data"`
}

type apiGateway struct {
	Spec struct {
		ConfigRef *struct {
			Name string `json:"name"`
		} `json:"configRef"`
	} `json:"spec"`
	Status struct {
		ConfigHash string     `json:"configHash"`
		Conditions conditions `json:"conditions"`
	} `json:"status"`
}

// KeyManagers lists the issuers that the environment's gateway trusts. Those of
// other versions of jwt-auth, which no policy of v1 can name, are among them.
func (t *Target) KeyManagers(ctx context.Context) ([]KeyManager, error) {
	c, err := t.readConfig(ctx)
	if err != nil {
		f := *err
		f.Target = t.cfg.Name
		return nil, &f
	}
	return c.managers, nil
}

// readConfig reads the ConfigMap that the APIGateway names.
func (t *Target) readConfig(ctx context.Context) (*gatewayConfig, *fault.Error) {
	n := t.cfg.APIGateway
	if n.IsZero() {
		return nil, stalled("NoGateway", "name the environment's APIGateway in the configuration",
			"it is not known which gateway serves environment %s", t.cfg.Environment)
	}
	gw, err := t.readGateway(ctx)
	switch {
	case err != nil:
		return nil, err
	case gw == nil:
		return nil, waiting("NoGateway", "install the gateway, or correct its name in the configuration", "there is no APIGateway %s", n)
	case gw.Spec.ConfigRef == nil || gw.Spec.ConfigRef.Name == "":
		return nil, stalled("NoConfigRef", "give the APIGateway a ConfigMap of its own in spec.configRef",
			"APIGateway %s names no configuration, so its key managers are the operator's defaults", n)
	}
	name := ObjectName{n.Namespace, gw.Spec.ConfigRef.Name}
	cm, err2 := get[configMap](ctx, t.data, configMaps, name.Namespace, name.Name)
	switch {
	case err2 != nil:
		return nil, classify(err2, configMaps.access("get", name.Namespace, name.Name), false)
	case cm == nil:
		return nil, waiting("NoConfigMap", "create it", "there is no ConfigMap %s, which APIGateway %s names", name, n)
	}
	c, err := t.parseConfig(name, cm)
	if err == nil {
		c.deployed = gw.Status.ConfigHash
		c.programmed, _ = gw.Status.Conditions.get("Programmed")
	}
	return c, err
}

func (t *Target) readGateway(ctx context.Context) (*apiGateway, *fault.Error) {
	n := t.cfg.APIGateway
	gw, err := get[apiGateway](ctx, t.data, apiGateways, n.Namespace, n.Name)
	if unserved(err) {
		gw, err = get[apiGateway](ctx, t.data, apiGateways.older(), n.Namespace, n.Name)
	}
	if err != nil {
		return nil, classify(err, apiGateways.access("get", n.Namespace, n.Name), false)
	}
	return gw, nil
}

func (t *Target) parseConfig(name ObjectName, cm *configMap) (*gatewayConfig, *fault.Error) {
	c := &gatewayConfig{name: name, version: cm.Metadata.ResourceVersion, key: keyValues, marks: cm.Metadata.Annotations[managersAnnotation]}
	parse := parseValues
	if _, ok := cm.Data[keyValues]; !ok && cm.Data[keyTOML] != "" {
		c.key, parse = keyTOML, parseTOML
	}
	c.text = cm.Data[c.key]
	managers, err := parse(c.text)
	if err != nil {
		return nil, stalled("ConfigUnreadable", "correct it: the gateway cannot read it either", "ConfigMap %s: %w", name, err)
	}
	ours := marksOf(c.marks)[t.cfg.Installation]
	for i := range managers {
		managers[i].Ours = managers[i].Supported() && slices.Contains(ours, managers[i].Name)
	}
	c.managers = managers
	return c, nil
}

// rollout says whether the gateway was deployed with the configuration as it is
// now. The operator does that by Helm some time after a change, which may fail; it
// keeps the SHA-256 of the values that it has deployed.
func (c *gatewayConfig) rollout() resource.Rollout {
	sum := sha256.Sum256([]byte(c.text))
	if c.key != keyValues || c.deployed == "" || c.deployed == hex.EncodeToString(sum[:]) {
		return resource.Rollout{}
	}
	r := resource.Rollout{
		Class: string(fault.Waiting), Reason: "NotDeployed",
		Message: fmt.Sprintf("the gateway was not yet deployed with the present configuration (ConfigMap %s)", c.name),
		Hint:    "its operator does that; gatewright looks again by itself",
	}
	if p := c.programmed; p.Status == "False" {
		r.Message += fmt.Sprintf(": %s, %s", p.Reason, oneLine(p.Message))
		r.Hint = "see the APIGateway's condition Programmed and the operator's log"
	}
	return r
}

// find returns the key manager that a policy of jwt-auth v1 means by name.
func (c *gatewayConfig) find(name string) *KeyManager {
	for i := range c.managers {
		if k := &c.managers[i]; k.Name == name && k.Supported() {
			return k
		}
	}
	return nil
}

// versionOf guards a step on one key manager, whatever happens to others.
func (c *gatewayConfig) versionOf(name string) string {
	var entry map[string]any
	if k := c.find(name); k != nil {
		entry = k.entry
	}
	raw, _ := json.Marshal(entry) //nolint:errchkjson // plain values: from YAML or TOML
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// observeKeyManagers fills out for the key managers at indices.
func (t *Target) observeKeyManagers(ctx context.Context, resources []resource.Resource, indices []int, out []resource.Observed) {
	c, err := t.readConfig(ctx)
	for _, i := range indices {
		if err != nil {
			e := *err
			e.Target, e.Resource = t.cfg.Name, resources[i].ID.String()
			e.Op = strings.TrimSpace("observe " + e.Op)
			out[i].Err = &e
			continue
		}
		out[i] = t.keyManager(resources[i].ID, c)
	}
}

// keyManager says what stands of one.
//
//	key manager     | may be written | marked ours | owner
//	----------------+----------------+-------------+-----------------------------
//	not there       | yes            |             | us: it may be made
//	there           | yes            | yes         | us
//	there           | yes            | no          | other: the configuration's
//	any             | no             |             | other
func (t *Target) keyManager(id resource.ID, c *gatewayConfig) resource.Observed {
	o := resource.Observed{ID: id, Version: c.versionOf(id.Name), Awaited: c.key == keyValues && c.deployed != ""}
	if t.cfg.ManageKeyManagers {
		o.Owner = resource.OwnerUs
	}
	k := c.find(id.Name)
	if k == nil {
		o.Rollout = t.unknownManager(id.Name, c)
		return o
	}
	o.Found, o.Rollout = true, c.rollout()
	o.State = resource.State{KeyManager: &resource.KeyManager{Name: k.Name, Issuer: k.Issuer, JWKSURI: k.JWKSURI}}
	if !t.cfg.ManageKeyManagers || !k.Ours {
		o.Owner, o.OwnerName = resource.OwnerOther, "the gateway's configuration (ConfigMap "+c.name.String()+")"
	}
	return o
}

// unknownManager tells which names the gateway does know.
func (t *Target) unknownManager(name string, c *gatewayConfig) resource.Rollout {
	var known, other []string
	for _, k := range c.managers {
		if k.Supported() {
			known = append(known, k.Name)
		} else if k.Name == name {
			other = append(other, k.Section)
		}
	}
	r := resource.Rollout{
		Class: string(fault.Stalled), Reason: "UnknownKeyManager",
		Message: fmt.Sprintf("the gateway knows no key manager %q", name),
		Hint:    "its configuration names none at all",
	}
	if len(known) > 0 {
		r.Hint = "it knows " + strings.Join(known, ", ")
	}
	if len(other) > 0 {
		r.Message += fmt.Sprintf(" for jwt-auth v1, only for an older version (%s)", strings.Join(other, ", "))
	}
	r.Hint += fmt.Sprintf("; add it to ConfigMap %s and restart the gateway, or let gatewright manage key managers", c.name)
	return r
}

// applyKeyManager writes a key manager, or takes it out. The gateway's runtime
// reads it when it starts; it is not restarted here.
func (t *Target) applyKeyManager(ctx context.Context, step plan.Step) (target.Outcome, error) {
	e := &effect{t: t, step: step, client: t.data}
	if !t.cfg.ManageKeyManagers {
		return target.Outcome{}, e.named(stalled("NotManaged", "add it to the gateway's configuration, or let gatewright manage key managers",
			"the configuration does not allow to write key managers"))
	}
	return e.run(ctx, e.keyManager)
}

// keyManager is a round of a step on a key manager.
func (e *effect) keyManager(ctx context.Context) (done bool, err error) {
	c, f := e.t.readConfig(ctx)
	if f != nil {
		return false, e.unknown(f)
	}
	name := e.step.ID.Name
	var want *resource.KeyManager
	if e.step.After != nil {
		if want = e.step.After.KeyManager; want == nil {
			return false, stalled("NoState", "", "the step has no state of a key manager")
		}
	}
	k := c.find(name)
	switch {
	case k == nil && want == nil:
		return true, nil
	case k != nil && !k.Ours:
		if want != nil && k.Issuer == want.Issuer && k.JWKSURI == want.JWKSURI {
			return true, nil
		}
		f := fault.New(fault.Conflict, "ForeignKeyManager", "key manager %q belongs to the gateway's configuration (ConfigMap %s)", name, c.name)
		f.Hint = "correct it there, or remove it and let gatewright write it"
		return false, f
	case k != nil && want != nil && k.Issuer == want.Issuer && (want.JWKSURI == "" || k.JWKSURI == want.JWKSURI):
		e.outcome.Version = c.versionOf(name)
		return true, nil
	case e.lost != nil:
		return false, e.lost
	case want != nil && k == nil && want.JWKSURI == "":
		return false, stalled("NoJWKS", "set the JWKS URI of the key manager in the configuration", "it is not known where key manager %q publishes its keys", name)
	}
	if err := e.guard(0, c.versionOf(name)); err != nil {
		return false, err
	}
	return false, e.writeConfig(ctx, c, want)
}

func (e *effect) writeConfig(ctx context.Context, c *gatewayConfig, want *resource.KeyManager) error {
	edit := editValues
	if c.key == keyTOML {
		edit = editTOML
	}
	name := e.step.ID.Name
	text, err := edit(c.text, name, want)
	if err != nil {
		f := stalled("ConfigUnreadable", "edit the key manager by hand, and restart the gateway", "ConfigMap %s: %w", c.name, err)
		switch {
		case errors.Is(err, errByHand):
			f.Reason = "EditByHand"
		case errors.Is(err, errNoList):
			f.Reason, f.Hint = "NoList", "at gateway.config.policy_configurations.jwtauth_v1.keymanagers list all that the gateway is to trust, or [] if that is nothing else"
		}
		return f
	}
	marks := marksOf(c.marks)
	marks[e.t.cfg.Installation] = slices.DeleteFunc(marks[e.t.cfg.Installation], func(n string) bool { return n == name })
	if want != nil {
		marks[e.t.cfg.Installation] = append(marks[e.t.cfg.Installation], name)
	}
	var mark any // null takes the annotation off
	if s := marks.String(); s != "" {
		mark = s
	}
	m := meta{Namespace: c.name.Namespace, Name: c.name.Name}
	err = e.patch(ctx, configMaps, m, mediaMergePatch, map[string]any{
		"metadata": map[string]any{"resourceVersion": c.version, "annotations": map[string]any{managersAnnotation: mark}},
		"data":     map[string]string{c.key: text},
	})
	if err == nil {
		e.t.cfg.Logger.InfoContext(ctx, "key manager written; the gateway takes it in when its runtime is restarted",
			"resource", e.step.ID.String(), "configMap", c.name.String())
	}
	return err
}

// marks are the names that each installation has written.
type marks map[string][]string

// marksOf reads the annotation. Names are escaped as in a query.
func marksOf(s string) marks {
	values, _ := url.ParseQuery(s) // what does not parse marks nothing
	return marks(values)
}

// String is the inverse of marksOf.
func (m marks) String() string {
	for name := range m {
		slices.Sort(m[name])
		m[name] = slices.Compact(m[name])
	}
	return url.Values(m).Encode()
}
