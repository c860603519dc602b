package gateway

import (
	"encoding/json"
	"slices"
)

// contract is what a trait lets an environment decide. Two traits go by the
// name api-configuration, and a release holds a frozen copy of one of them.
type contract string

// The contracts.
const (
	// contractPolicies is Agent Manager's: a raw policy list in each
	// environment (since August 2026).
	contractPolicies contract = "policies"
	// contractJWT is the agentic engineer's: a structured jwtAuth block.
	contractJWT contract = "jwtAuth"
	// contractNone is any other, as Agent Manager's before August 2026, which
	// had policies in the Component alone.
	contractNone contract = ""
)

// contract reads which contract s keeps.
func (s traitSpec) contract() contract {
	properties := s.EnvironmentConfigs.Schema.Properties
	if _, ok := properties[keyPolicies]; ok {
		return contractPolicies
	}
	if _, ok := properties["jwtAuth"]; ok {
		return contractJWT
	}
	return contractNone
}

// defaults is the policy list of an instance with these parameters, in an
// environment that has none of its own.
func (s traitSpec) defaults(parameters json.RawMessage) json.RawMessage {
	var own map[string]json.RawMessage
	if json.Unmarshal(parameters, &own) == nil {
		if list, ok := own[keyPolicies]; ok {
			return list
		}
	}
	var property struct {
		Default json.RawMessage `json:"default"`
	}
	if json.Unmarshal(s.Parameters.Schema.Properties[keyPolicies], &property) == nil {
		return property.Default
	}
	return nil
}

// verdict is what counts of a ComponentRelease, which never changes.
type verdict struct {
	uid string
	// holds reports that the release has the trait's instance.
	holds    bool
	trait    traitRef
	contract contract
	// defaults is the policy list where the environment has none.
	defaults json.RawMessage
}

// verdict judges a release by the instance that is looked for.
func (r *componentRelease) verdict(instance string) *verdict {
	v := &verdict{uid: r.Metadata.UID}
	at := find(r.Spec.Profile.Traits, instance)
	if at == nil {
		return v
	}
	v.holds, v.trait = true, traitRef{Kind: at.kind(), Name: at.Name}
	for _, frozen := range r.Spec.Traits {
		if frozen.Name != at.Name || (frozen.Kind != "" && frozen.Kind != at.kind()) {
			continue
		}
		v.contract = frozen.Spec.contract()
		v.defaults = slices.Clone(frozen.Spec.defaults(at.Parameters))
	}
	return v
}

// kind is t's kind, spelled out.
func (t componentTrait) kind() string {
	if t.Kind == "" {
		return kindTrait
	}
	return t.Kind
}

// find returns the instance of that name, or nil.
func find(traits []componentTrait, instance string) *componentTrait {
	for i := range traits {
		if traits[i].InstanceName == instance {
			return &traits[i]
		}
	}
	return nil
}
