package inventory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// key is the primary key of a binding.
type key struct {
	Environment  string `bun:"environment,pk"`
	Organization string `bun:"organization,pk"`
	Project      string `bun:"project,pk"`
	Agent        string `bun:"agent,pk"`
}

func keyOf(b resource.Binding) key {
	return key{b.Environment, b.Organization, b.Project, b.Agent}
}

func (k key) binding() resource.Binding {
	return resource.Binding{Organization: k.Organization, Project: k.Project, Agent: k.Agent, Environment: k.Environment}
}

// bindingRow is a row of the table bindings.
type bindingRow struct {
	bun.BaseModel `bun:"table:bindings,alias:b"`
	key

	Enabled        bool   `bun:"enabled"`
	Scheme         string `bun:"scheme"`
	ClientID       string `bun:"client_id"`
	ApplicationID  string `bun:"application_id"`
	CredentialPath string `bun:"credential_path"`
	Endpoint       string `bun:"endpoint"`
	Revision       string `bun:"revision"`
	Status         string `bun:"status"`
	Class          string `bun:"class"`
	Reason         string `bun:"reason"`
	Message        string `bun:"message"`
	Hint           string `bun:"hint"`
	Deletion       string `bun:"deletion"`
	SuspendedUntil int64  `bun:"suspended_until"`
	SuspendReason  string `bun:"suspend_reason"`
	SpecFile       string `bun:"spec_file"`
	SpecLine       int64  `bun:"spec_line"`
	DesiredHash    string `bun:"desired_hash"`
	LastProof      string `bun:"last_proof"`
	ConvergedAt    int64  `bun:"converged_at"`
	UpdatedAt      int64  `bun:"updated_at"`
	// Digest and ClientsDigest name the content, so that an unchanged binding
	// is recognised without reading it whole.
	Digest        string `bun:"digest"`
	ClientsDigest string `bun:"clients_digest"`
}

// clientRow is a row of the table clients.
type clientRow struct {
	bun.BaseModel `bun:"table:clients,alias:c"`
	key

	Name              string `bun:"name,pk"`
	ClientID          string `bun:"client_id"`
	ApplicationID     string `bun:"application_id"`
	CredentialPath    string `bun:"credential_path"`
	CredentialVersion string `bun:"credential_version"`
}

// args are the values of the columns of the key, in order.
func (k key) args() []any { return []any{k.Environment, k.Organization, k.Project, k.Agent} }

// args are the values of the columns of saveBinding, in order.
func (r *bindingRow) args() []any {
	return append(
		r.key.args(), r.Enabled, r.Scheme, r.ClientID, r.ApplicationID, r.CredentialPath, r.Endpoint, r.Revision,
		r.Status, r.Class, r.Reason, r.Message, r.Hint, r.Deletion, r.SuspendedUntil, r.SuspendReason, r.SpecFile,
		r.SpecLine, r.DesiredHash, r.LastProof, r.ConvergedAt, r.UpdatedAt, r.Digest, r.ClientsDigest,
	)
}

// args are the values of the columns of saveClient, in order.
func (r *clientRow) args() []any {
	return append(r.key.args(), r.Name, r.ClientID, r.ApplicationID, r.CredentialPath, r.CredentialVersion)
}

// rowOf is b as it is stored, with its digests and without UpdatedAt.
func rowOf(b Binding) (bindingRow, error) {
	r := bindingRow{
		key: keyOf(b.Binding), Enabled: b.Enabled, Scheme: string(b.Scheme), ClientID: text(b.ClientID),
		ApplicationID: text(b.ApplicationID), CredentialPath: text(b.CredentialPath), Endpoint: text(b.Endpoint),
		Revision: text(b.Revision), Status: string(b.Status), Class: string(b.Class), Reason: text(b.Reason),
		Message: text(b.Message), Hint: text(b.Hint), Deletion: string(b.Deletion), SuspendReason: text(b.SuspendReason),
		SpecFile: text(b.SpecFile), SpecLine: int64(b.SpecLine), DesiredHash: text(b.DesiredHash),
		ConvergedAt: micros(b.ConvergedAt),
	}
	if b.SuspendedUntil != nil {
		r.SuspendedUntil = micros(*b.SuspendedUntil)
	}
	if b.LastProof != nil {
		proof, err := json.Marshal(b.LastProof)
		if err != nil {
			return r, fmt.Errorf("proof of %s: %w", b.Binding, err)
		}
		r.LastProof = string(proof)
	}
	r.Digest = digest(strconv.FormatBool(r.Enabled), r.Scheme, r.ClientID, r.ApplicationID, r.CredentialPath, r.Endpoint,
		r.Revision, r.Status, r.Class, r.Reason, r.Message, r.Hint, r.Deletion, strconv.FormatInt(r.SuspendedUntil, 10),
		r.SuspendReason, r.SpecFile, strconv.FormatInt(r.SpecLine, 10), r.DesiredHash, r.LastProof,
		strconv.FormatInt(r.ConvergedAt, 10))
	for _, c := range b.Clients {
		r.ClientsDigest = digest(r.ClientsDigest, c.Name, c.ClientID, c.ApplicationID, c.CredentialPath, c.CredentialVersion)
	}
	return r, nil
}

// value is the inverse of rowOf, clients aside.
func (r *bindingRow) value() (Binding, error) {
	b := Binding{
		Binding: r.binding(), Enabled: r.Enabled, Scheme: schema.Scheme(r.Scheme), ClientID: r.ClientID,
		ApplicationID: r.ApplicationID, CredentialPath: r.CredentialPath, Endpoint: r.Endpoint, Revision: r.Revision,
		Status: Status(r.Status), Class: fault.Class(r.Class), Reason: r.Reason, Message: r.Message, Hint: r.Hint,
		Deletion: schema.Deletion(r.Deletion), SuspendReason: r.SuspendReason, SpecFile: r.SpecFile,
		SpecLine: int(r.SpecLine), DesiredHash: r.DesiredHash, ConvergedAt: instant(r.ConvergedAt),
		UpdatedAt: instant(r.UpdatedAt),
	}
	if r.SuspendedUntil != 0 {
		until := instant(r.SuspendedUntil)
		b.SuspendedUntil = &until
	}
	if r.LastProof != "" {
		b.LastProof = &resource.Proof{}
		if err := json.Unmarshal([]byte(r.LastProof), b.LastProof); err != nil {
			return b, fmt.Errorf("stored proof of %s: %w", b.Binding, err)
		}
	}
	return b, nil
}

// clientRows are the clients of b as they are stored.
func clientRows(b Binding) []clientRow {
	rows := make([]clientRow, len(b.Clients))
	for i, c := range b.Clients {
		rows[i] = clientRow{
			key: keyOf(b.Binding), Name: text(c.Name), ClientID: text(c.ClientID), ApplicationID: text(c.ApplicationID),
			CredentialPath: text(c.CredentialPath), CredentialVersion: text(c.CredentialVersion),
		}
	}
	return rows
}

// sortedClients returns b with its clients in order; the caller's slice stays
// as it is.
func sortedClients(b Binding) Binding {
	byName := func(x, y Client) int { return strings.Compare(x.Name, y.Name) }
	if !slices.IsSortedFunc(b.Clients, byName) {
		b.Clients = slices.SortedFunc(slices.Values(b.Clients), byName)
	}
	return b
}

// digest names a list of strings: a hash of them, each with its length, so
// that no two lists look alike.
func digest(parts ...string) string {
	var buf bytes.Buffer
	for _, p := range parts {
		buf.WriteString(strconv.Itoa(len(p)))
		buf.WriteByte(':')
		buf.WriteString(p)
	}
	sum := sha256.Sum256(buf.Bytes())
	return hex.EncodeToString(sum[:16])
}

// maxText bounds each text, so that a target's long message does not fill the
// database.
const maxText = 4096

// text makes s fit for both databases: valid UTF-8, no NUL, bounded.
func text(s string) string {
	clean := true
	for i := range len(s) {
		if s[i] == 0 || s[i] >= 0x80 {
			clean = false
			break
		}
	}
	if clean && len(s) <= maxText {
		return s
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// now is the time in the resolution of the database.
func (s *Store) micros() int64 { return s.now().Truncate(time.Microsecond).UnixMicro() }
