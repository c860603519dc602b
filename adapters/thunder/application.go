package thunder

import "errors"

// application is the little of an application that an observation needs.
type application struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Inbound  []way  `json:"inboundAuthConfig"`
	Metadata mark   `json:"metadata"`
}

// way is one way into an application.
type way struct {
	Type   string      `json:"type"`
	Config oauthConfig `json:"config"`
}

// oauthConfig is the little of an application's OAuth client.
type oauthConfig struct {
	ClientID   string   `json:"clientId"`
	GrantTypes []string `json:"grantTypes"`
	Method     string   `json:"tokenEndpointAuthMethod"`
	Token      struct {
		AccessToken struct {
			DefaultAudience string `json:"defaultAudience"`
			ClientConfig    struct {
				ValidityPeriod int64 `json:"validityPeriod"`
			} `json:"clientConfig"`
		} `json:"accessToken"`
	} `json:"token"`
}

// errNoApplication says that JSON is not an application. It quotes nothing.
var errNoApplication = errors.New("not an application")

// decodeApplication reads an answer. Metadata of another shape is no mark.
func decodeApplication(raw []byte) (application, error) {
	var a application
	s := &scanner{b: raw}
	s.object(func(key []byte) {
		switch string(key) {
		case "id":
			a.ID = s.str()
		case "name":
			a.Name = s.str()
		case "metadata":
			a.Metadata = s.mark()
		case "inboundAuthConfig":
			a.Inbound = nil
			s.list(func() { a.Inbound = append(a.Inbound, s.way()) })
		default:
			s.skip()
		}
	})
	if !s.end() {
		return application{}, errNoApplication
	}
	return a, nil
}

// members visits an object's members, and nothing of null.
func (s *scanner) members(visit func(key []byte)) {
	if s.kind() == 'n' {
		s.skip()
		return
	}
	s.object(visit)
}

// list visits an array's elements, and nothing of null.
func (s *scanner) list(visit func()) {
	if s.kind() == 'n' {
		s.skip()
		return
	}
	s.array(visit)
}

func (s *scanner) way() (w way) {
	s.members(func(key []byte) {
		switch string(key) {
		case "type":
			w.Type = s.str()
		case "config":
			w.Config = s.oauth()
		default:
			s.skip()
		}
	})
	return w
}

func (s *scanner) oauth() (c oauthConfig) {
	s.members(func(key []byte) {
		switch string(key) {
		case "clientId":
			c.ClientID = s.str()
		case "tokenEndpointAuthMethod":
			c.Method = s.str()
		case "grantTypes":
			c.GrantTypes = nil
			s.list(func() { c.GrantTypes = append(c.GrantTypes, s.str()) })
		case "token":
			s.only("accessToken", func() {
				s.members(func(key []byte) {
					switch string(key) {
					case "defaultAudience":
						c.Token.AccessToken.DefaultAudience = s.str()
					case "clientConfig":
						s.only("validityPeriod", func() { c.Token.AccessToken.ClientConfig.ValidityPeriod = s.integer() })
					default:
						s.skip()
					}
				})
			})
		default:
			s.skip()
		}
	})
	return c
}

// only visits one member of an object.
func (s *scanner) only(name string, visit func()) {
	s.members(func(key []byte) {
		if string(key) == name {
			visit()
		} else {
			s.skip()
		}
	})
}

// mark reads metadata, which may hold anything: what is not our mark's shape
// is no mark.
func (s *scanner) mark() mark {
	var m mark
	whole := true
	if s.kind() != '{' {
		s.skip()
		return m
	}
	text := func(into *string) {
		if c := s.kind(); c != '"' && c != 'n' {
			whole = false
			s.skip()
			return
		}
		*into = s.str()
	}
	s.object(func(key []byte) {
		switch string(key) {
		case "managedBy":
			text(&m.ManagedBy)
		case "installation":
			text(&m.Installation)
		case "binding":
			text(&m.Binding)
		case "client":
			text(&m.Client)
		case "secretDigest":
			text(&m.SecretDigest)
		default:
			s.skip()
		}
	})
	if !whole {
		return mark{}
	}
	return m
}
