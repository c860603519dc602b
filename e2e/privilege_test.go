//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/gatewright/gatewright/e2e/harness"
)

// privileges are what the documentation tells people to give gatewright, and
// nothing more: the suite runs with them.
type privileges struct {
	baoToken   string
	kubeconfig []byte
}

// recommended grants what the READMEs of the adapters say.
func recommended(ctx context.Context, s *harness.Stack) (privileges, error) {
	token, err := baoToken(ctx, s)
	if err != nil {
		return privileges{}, fmt.Errorf("the recommended policy of OpenBAO: %w", err)
	}
	config, err := kubeconfig(ctx, s)
	if err != nil {
		return privileges{}, fmt.Errorf("the recommended ClusterRole: %w", err)
	}
	return privileges{token, config}, nil
}

// block is the first fenced block of a language in a page that holds a word.
func block(page, language, word string) (string, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return "", err
	}
	for rest := string(text); ; {
		_, after, ok := strings.Cut(rest, "```"+language+"\n")
		if !ok {
			return "", fmt.Errorf("%s has no block of %s with %q", page, language, word)
		}
		var found string
		if found, rest, _ = strings.Cut(after, "\n```"); strings.Contains(found, word) {
			return found, nil
		}
	}
}

func baoToken(ctx context.Context, s *harness.Stack) (string, error) {
	policy, err := block("../adapters/openbao/README.md", "hcl", "capabilities")
	if err != nil {
		return "", err
	}
	policy = strings.ReplaceAll(policy, `"kv/`, `"secret/`)
	by := s.Hand()
	if _, err := by.Bao(ctx, http.MethodPut, "sys/policies/acl/gatewright", map[string]any{"policy": policy}); err != nil {
		return "", err
	}
	answer, err := by.Bao(ctx, http.MethodPost, "auth/token/create", map[string]any{"policies": []string{"gatewright"}, "period": "1h"})
	if err != nil {
		return "", err
	}
	var created struct {
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	err = json.Unmarshal(answer, &created)
	return created.Auth.Token, err
}

func kubeconfig(ctx context.Context, s *harness.Stack) ([]byte, error) {
	text, err := block("../adapters/gateway/README.md", "yaml", "kind: ClusterRole")
	if err != nil {
		return nil, err
	}
	var role rbacv1.ClusterRole
	if err := yaml.Unmarshal([]byte(text), &role); err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(s.Cluster())
	if err != nil {
		return nil, err
	}
	const namespace, name = "default", "gatewright"
	_, err1 := client.RbacV1().ClusterRoles().Create(ctx, &role, metav1.CreateOptions{})
	_, err2 := client.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	_, err3 := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}, metav1.CreateOptions{})
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.Load(s.Kubeconfig())
	if err != nil {
		return nil, err
	}
	for user := range config.AuthInfos {
		config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	}
	return clientcmd.Write(*config)
}
