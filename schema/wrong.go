package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// notAllowed explains a field that a closed definition refuses: ours, or one of
// the repository.
func (x *explainer) notAllowed(path []string, errs []errors.Error) {
	if len(path) == 0 {
		x.badName(path, x.name)
		return
	}
	name, parent := path[len(path)-1], generic(path[:len(path)-1])
	switch {
	case x.allowed(path, parent, name):
		if parent == authPath && !x.written(path) {
			// A default of ours; one is told of for all.
			path, name = path[:len(path)-1], strings.Join(oauth2Fields[:3], ", ")+", which have defaults"
		}
		x.report(path, "closed-definition", "a definition of the repository is closed and does not allow "+name,
			"add ... to that definition, or let its name begin with _ and not with #", x.policies(errs))
	case parent == authPath && slices.Contains(oauth2Fields, name):
		x.report(path, "oauth2-only", fmt.Sprintf(`%s belongs to scheme "oauth2" alone`, name), `set scheme: "oauth2", or take the field out`, nil)
	case parent == authPath+".clients" && (name == "own" || name == "test"):
		hint := "every binding has a client of its own without asking for one"
		if name == "test" {
			hint = "the client for test tokens is asked for with test: true"
		}
		x.report(path, "reserved-name", fmt.Sprintf("%q is a reserved client name", name), hint, nil)
	case parent == "environments", parent == authPath+".clients":
		x.badName(path, name)
	case parent == "labels":
		x.badLabelKey(path)
	default:
		x.unknown(path, members[parent])
	}
}

// allowed reports that our own definitions allow a field.
func (x *explainer) allowed(path []string, parent, name string) bool {
	switch {
	case parent == authPath+".clients":
		return validName(name) && name != "own" && name != "test"
	case parent == "environments":
		return validName(name)
	case parent == "labels":
		return labelKey.MatchString(name)
	case parent == authPath && slices.Contains(oauth2Fields, name):
		scheme, err := x.value.LookupPath(selectors(append(slices.Clone(path[:len(path)-1]), "scheme"))).String()
		return err == nil && scheme == string(SchemeOAuth2)
	default:
		return slices.Contains(members[parent], name)
	}
}

// written reports that the agent's declarations spell a field out.
func (x *explainer) written(path []string) bool {
	if x.places == nil {
		return false
	}
	_, ok := x.places.fields[strings.Join(path, ".")]
	return ok
}

// badLabelKey explains a key of labels.
func (x *explainer) badLabelKey(path []string) {
	x.report(path, "bad-label", "the key is no label key of Kubernetes", "a key is a name of at most 63 letters, digits, - _ . after an optional DNS name and /", nil)
}

// badName explains a name that is no #Name.
func (x *explainer) badName(path []string, name string) {
	message := "the name has to be " + nameRule.want
	hint := ""
	switch {
	case len(name) > 63:
		message = fmt.Sprintf("the name has %d characters; at most 63 are allowed", len(name))
		hint = "shorten it; names end in labels of the cluster"
	case strings.Contains(name, "_"):
		message = "the name holds an underscore"
		hint = "names end in client ids, where _ separates them; use -"
		if fixed := strings.ReplaceAll(name, "_", "-"); validName(fixed) {
			hint += fmt.Sprintf(", as in %q", fixed)
		}
	}
	x.report(path, "bad-name", message, hint, nil)
}

// unknown explains a field that no definition has.
func (x *explainer) unknown(path []string, known []string) {
	name := path[len(path)-1]
	hint := "the fields here are " + strings.Join(known, ", ")
	best := 3
	for _, k := range known {
		if d := syntax.Distance(strings.ToLower(name), strings.ToLower(k)); d < best {
			best, hint = d, fmt.Sprintf("did you mean %q?", k)
		}
	}
	x.report(path, "unknown-field", "there is no such field", hint, nil)
}

// missing explains a required field.
func (x *explainer) missing(path []string, errs []errors.Error) {
	name := path[len(path)-1]
	if name == "scheme" && generic(path[:len(path)-1]) == authPath {
		x.report(path, "missing-scheme", "scheme is required and has no default", `write scheme: "oauth2", "apiKey" or "none"`, nil)
		return
	}
	if related := x.policies(errs); len(related) > 0 {
		x.report(path, "policy-violated", name+" is missing, and a policy of the repository requires it", "", related)
		return
	}
	hint := ""
	if r, ok := rules[generic(path)]; ok {
		hint = "it has to be " + r.want
	}
	x.report(path, "missing-field", name+" is required", hint, nil)
}

// wrongValue explains a value that is not what it has to be: by a definition,
// by a policy, or by another declaration of the same agent.
func (x *explainer) wrongValue(path []string, errs []errors.Error) {
	key := generic(path)
	r, known := rules[key]
	policies := x.policies(errs)
	own := x.own(errs)
	mismatch := slices.ContainsFunc(errs, func(e errors.Error) bool {
		format, _ := e.Msg()
		return strings.Contains(format, cueMismatch) || strings.HasPrefix(format, cueCombine)
	})
	switch {
	case mismatch && known && !x.fits(path):
		x.report(path, "wrong-type", "it has to be "+r.want, r.hint, nil)
	case x.oauthKind(key, path):
		x.report(path, "oauth-kind", fmt.Sprintf("only agents of kind %q may have scheme %q", KindCustomAPI, SchemeOAuth2),
			fmt.Sprintf("set kind: %q, or another scheme", KindCustomAPI), []Related{{x.at([]string{"kind"}), "the kind"}})
	case len(policies) > 0:
		x.report(path, "policy-violated", x.policyMessage(errs), "change the spec, or the policy with those who own it", policies)
	case len(own) > 1 && x.conflict(errs):
		x.report(path, "conflict", "the field is given different values", "keep one of them", relatedTo(own, x.at(path), "also here"))
	case known:
		x.report(path, r.code, "it has to be "+r.want, r.hint, nil)
	case key == authPath+".token" || key == "interface":
		x.report(path, r.code, "it has to be "+r.want, r.hint, nil)
	default:
		x.report(path, "invalid", "the value is not allowed here", "", nil)
	}
}

// fits reports whether the value has a kind after all, so that a mismatch of
// types is the fault of a policy.
func (x *explainer) fits(path []string) bool {
	return x.value.LookupPath(selectors(path)).Err() == nil
}

// oauthKind reports whether the field is the scheme of an agent whose kind may
// not have OAuth.
func (x *explainer) oauthKind(key string, path []string) bool {
	if key != authPath+".scheme" {
		return false
	}
	kind, err := x.value.LookupPath(cue.ParsePath("kind")).String()
	if err != nil || kind == KindCustomAPI {
		return false
	}
	return x.run.says(x.name, path, string(SchemeOAuth2))
}

// noEnvironment says that an agent is deployed nowhere.
func noEnvironment(a Agent) Diagnostic {
	return Diagnostic{
		Position: a.At("environments"), Path: "agents." + a.Name + ".environments", Code: "wrong-type", Severity: SeverityError,
		Message: "it has to be " + rules["environments"].want, Hint: "to give an agent up, take the whole agent out",
	}
}

// conflict reports whether two values were given that differ.
func (x *explainer) conflict(errs []errors.Error) bool {
	return slices.ContainsFunc(errs, func(e errors.Error) bool {
		format, _ := e.Msg()
		return strings.HasPrefix(format, cueConflict) || strings.HasPrefix(format, cueListLengths)
	})
}

// policyMessage returns the words of a policy that has its own, through CUE's
// error builtin.
func (x *explainer) policyMessage(errs []errors.Error) string {
	for _, e := range errs {
		if format, args := e.Msg(); format == cueUserMessage && len(args) == 1 {
			return fmt.Sprintf("the policy of the repository says: %v", args[0])
		}
	}
	return "a policy of the repository does not allow the value"
}

// policies returns the places outside of the agent that contribute to errors.
func (x *explainer) policies(errs []errors.Error) []Related {
	return x.contributions(errs, false, "the policy")
}

// own returns the places in the agent's declarations that contribute to
// errors.
func (x *explainer) own(errs []errors.Error) []Related {
	return x.contributions(errs, true, "")
}

// contributions returns the places that contribute to errors, sorted.
func (x *explainer) contributions(errs []errors.Error, own bool, message string) []Related {
	var out []Related
	for _, e := range errs {
		for _, pos := range append([]token.Pos{e.Position()}, e.InputPositions()...) {
			p, ok := treePosition(pos)
			if ok && x.places.holds(pos) == own {
				out = append(out, Related{p, message})
			}
		}
	}
	slices.SortFunc(out, func(a, b Related) int { return a.Position.Compare(b.Position) })
	return slices.Compact(out)
}

// relatedTo returns the places on other lines than at.
func relatedTo(places []Related, at Position, message string) []Related {
	var out []Related
	for _, r := range places {
		if r.Position.File != at.File || r.Position.Line != at.Line {
			out = append(out, Related{r.Position, message})
		}
	}
	return out
}

// selectors turns the path of a field into a path of CUE.
func selectors(path []string) cue.Path {
	s := make([]cue.Selector, len(path))
	for i, p := range path {
		s[i] = cue.Str(p)
	}
	return cue.MakePath(s...)
}
