package gateway

import (
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/gatewright/gatewright/schema"
)

// Kinds and groups of the two systems.
const (
	kindTrait                = "Trait"
	kindClusterTrait         = "ClusterTrait"
	kindClusterComponentType = "ClusterComponentType"
	kindRestAPI              = "RestApi"

	groupChoreo  = "openchoreo.dev"
	groupGateway = "gateway.api-platform.wso2.com"

	versionChoreo = "v1alpha1"
	stateUndeploy = "Undeploy"
)

// Labels that OpenChoreo puts on what it renders.
const (
	labelNamespace   = "openchoreo.dev/namespace"
	labelProject     = "openchoreo.dev/project"
	labelComponent   = "openchoreo.dev/component"
	labelEnvironment = "openchoreo.dev/environment"
)

// kind is a sort of object that is read or written.
type kind struct {
	group, version, plural string
	clusterWide            bool
}

var (
	components            = kind{group: groupChoreo, version: versionChoreo, plural: "components"}
	releaseBindings       = kind{group: groupChoreo, version: versionChoreo, plural: "releasebindings"}
	componentReleases     = kind{group: groupChoreo, version: versionChoreo, plural: "componentreleases"}
	renderedReleases      = kind{group: groupChoreo, version: versionChoreo, plural: "renderedreleases"}
	traits                = kind{group: groupChoreo, version: versionChoreo, plural: "traits"}
	clusterTraits         = kind{group: groupChoreo, version: versionChoreo, plural: "clustertraits", clusterWide: true}
	componentTypes        = kind{group: groupChoreo, version: versionChoreo, plural: "componenttypes"}
	clusterComponentTypes = kind{group: groupChoreo, version: versionChoreo, plural: "clustercomponenttypes", clusterWide: true}
	restAPIs              = kind{group: groupGateway, version: "v1", plural: "restapis"}
	apiGateways           = kind{group: groupGateway, version: "v1", plural: "apigateways"}
	configMaps            = kind{version: "v1", plural: "configmaps"}
)

// older is the version that gateways before 1.2 serve.
func (k kind) older() kind {
	k.version = "v1alpha1"
	return k
}

// path is where objects of k stand: all, those of a namespace, or one.
func (k kind) path(namespace, name string) string {
	p := "/apis/" + k.group + "/" + k.version
	if k.group == "" {
		p = "/api/" + k.version
	}
	if namespace != "" && !k.clusterWide {
		p += "/namespaces/" + url.PathEscape(namespace)
	}
	p += "/" + k.plural
	if name != "" {
		p += "/" + url.PathEscape(name)
	}
	return p
}

// access is what a call on objects of k needs to be allowed.
func (k kind) access(verb, namespace, name string) access {
	if k.clusterWide {
		namespace = ""
	}
	return access{verb: verb, group: k.group, resource: k.plural, namespace: namespace, name: name}
}

// The structures below name only the fields that count here, so that the rest
// of an object is skipped and not decoded.

type meta struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
	Generation      int64             `json:"generation"`
	Annotations     map[string]string `json:"annotations"`
	Deleted         *time.Time        `json:"deletionTimestamp"`
}

type condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	ObservedGeneration int64  `json:"observedGeneration"`
}

// conditions is a list of conditions, by type.
type conditions []condition

func (cs conditions) get(kind string) (condition, bool) {
	for _, c := range cs {
		if c.Type == kind {
			return c, true
		}
	}
	return condition{}, false
}

type component struct {
	Metadata struct {
		meta
		ManagedFields []managedEntry `json:"managedFields"`
	} `json:"metadata"`
	Spec struct {
		Owner struct {
			Project string `json:"projectName"`
		} `json:"owner"`
		Type       traitRef         `json:"componentType"`
		AutoDeploy bool             `json:"autoDeploy"`
		Traits     []componentTrait `json:"traits"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64      `json:"observedGeneration"`
		Conditions         conditions `json:"conditions"`
		LatestRelease      struct {
			Name string `json:"name"`
		} `json:"latestRelease"`
	} `json:"status"`
}

// traitRef names a trait or a component type.
type traitRef struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// componentTrait is a trait's instance. Kind may be empty, which means Trait.
type componentTrait struct {
	Kind         string          `json:"kind"`
	Name         string          `json:"name"`
	InstanceName string          `json:"instanceName"`
	Parameters   json.RawMessage `json:"parameters"`
}

// listens is how the agent listens by the parameters of the trait, as a spec
// says it; it is nil where they do not say so. What is wrong with the values is
// for whoever reads them as a spec.
func (at componentTrait) listens() *schema.Interface {
	var p struct {
		Version    string             `json:"apiVersion"`
		Context    string             `json:"context"`
		Port       int                `json:"upstreamPort"`
		BasePath   string             `json:"upstreamBasePath"`
		Operations []schema.Operation `json:"operations"`
	}
	if json.Unmarshal(at.Parameters, &p) != nil || p.Port == 0 {
		return nil
	}
	return &schema.Interface{Context: p.Context, Port: p.Port, BasePath: p.BasePath, Version: p.Version, Operations: p.Operations}
}

type releaseBinding struct {
	Metadata struct {
		meta
		ManagedFields []managedEntry `json:"managedFields"`
	} `json:"metadata"`
	Spec struct {
		Owner struct {
			Project   string `json:"projectName"`
			Component string `json:"componentName"`
		} `json:"owner"`
		Environment  string                     `json:"environment"`
		ReleaseName  string                     `json:"releaseName"`
		State        string                     `json:"state"`
		TraitConfigs map[string]json.RawMessage `json:"traitEnvironmentConfigs"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64              `json:"observedGeneration"`
		LastSpecUpdateTime *time.Time         `json:"lastSpecUpdateTime"`
		Conditions         conditions         `json:"conditions"`
		Endpoints          []workloadEndpoint `json:"endpoints"`
	} `json:"status"`
}

// managedEntry is an entry of metadata.managedFields.
type managedEntry struct {
	Manager     string          `json:"manager"`
	Operation   string          `json:"operation"`
	Subresource string          `json:"subresource"`
	Time        *time.Time      `json:"time"`
	Fields      json.RawMessage `json:"fieldsV1"`
}

type workloadEndpoint struct {
	Name      string `json:"name"`
	InvokeURL string `json:"invokeURL"`
	External  *struct {
		HTTP  *endpointURL `json:"http"`
		HTTPS *endpointURL `json:"https"`
	} `json:"externalURLs"`
}

type endpointURL struct {
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
	Port   int    `json:"port"`
	Path   string `json:"path"`
}

type traitSpec struct {
	Parameters         schemaSection `json:"parameters"`
	EnvironmentConfigs schemaSection `json:"environmentConfigs"`
}

type schemaSection struct {
	Schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	} `json:"openAPIV3Schema"`
}

type componentRelease struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		Traits []struct {
			Kind string    `json:"kind"`
			Name string    `json:"name"`
			Spec traitSpec `json:"spec"`
		} `json:"traits"`
		Profile struct {
			Traits []componentTrait `json:"traits"`
		} `json:"componentProfile"`
	} `json:"spec"`
}

type restAPI struct {
	Metadata struct {
		meta
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Context  string          `json:"context"`
		Policies json.RawMessage `json:"policies"`
	} `json:"spec"`
	Status struct {
		Conditions conditions `json:"conditions"`
	} `json:"status"`
}

type renderedRelease struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		Owner struct {
			Project   string `json:"projectName"`
			Component string `json:"componentName"`
		} `json:"owner"`
		Environment string `json:"environmentName"`
		TargetPlane string `json:"targetPlane"`
		Resources   []struct {
			ID     string `json:"id"`
			Object struct {
				Kind     string `json:"kind"`
				Metadata meta   `json:"metadata"`
				// Spec is decoded for RestApis alone: other kinds may have
				// anything under the same names.
				Spec json.RawMessage `json:"spec"`
			} `json:"object"`
		} `json:"resources"`
	} `json:"spec"`
	Status struct {
		Conditions conditions `json:"conditions"`
		Resources  []struct {
			ID           string          `json:"id"`
			Kind         string          `json:"kind"`
			Status       json.RawMessage `json:"status"`
			LastObserved *time.Time      `json:"lastObservedTime"`
		} `json:"resources"`
	} `json:"status"`
}

// decode reads body into v. A field of another type than expected is left out:
// in the free-form parts of an object anything may stand, and one odd object
// must not hide the others of its page.
func decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil
	}
	return err
}
