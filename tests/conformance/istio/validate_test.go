// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/schema/collections"
)

func configOf(t *testing.T, object *unstructured.Unstructured) (config.Config, bool) {
	t.Helper()
	gvk := object.GroupVersionKind()
	schema, found := collections.Pilot.FindByGroupVersionAliasesKind(config.GroupVersionKind{
		Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind})
	if !found {
		return config.Config{}, false
	}
	spec, err := schema.NewInstance()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(object.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	if err := config.ApplyJSONStrict(spec, string(text)); err != nil {
		t.Errorf("%s: %v", name(object), err)
	}
	return config.Config{Spec: spec, Meta: config.Meta{
		GroupVersionKind: schema.GroupVersionKind(), Name: object.GetName(),
		Namespace: object.GetNamespace(), Labels: object.GetLabels(),
		Annotations: object.GetAnnotations(), Domain: cluster.ID("cluster.local").String()}}, true
}

// What istiod's webhook and `istioctl validate` refuse or warn about.
func TestIstioValidates(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			judged := 0
			for _, object := range env.Objects {
				one, ours := configOf(t, object)
				if !ours {
					continue
				}
				judged++
				schema, _ := collections.Pilot.FindByGroupVersionAliasesKind(one.GroupVersionKind)
				warning, err := schema.ValidateConfig(one)
				if err != nil {
					t.Errorf("%s: %v", name(object), err)
				}
				if warning != nil && !isExplained("IST0133", fmt.Sprint(warning)) {
					t.Errorf("%s: warning: %v", name(object), warning)
				}
			}
			if judged == 0 {
				t.Error("no object of Istio's kinds")
			}
		})
	}
}

// Warnings that are right about the tree and meant to be so: code, words in the message, why.
var explained = []struct{ code, words, why string }{
	{"IST0133", "EnvoyFilter exposes internal implementation details",
		"Istio has no API of its own for limits of a gateway; the filter names its workload, a priority and places by name"},
	{"IST0134", "ServiceEntry addresses are required for this protocol",
		"for its callers a TCP port is one external service's alone (MCA0117), so its listener may take every address"},
	{"IST0127", "acme.cert-manager.io/http01-solver=true",
		"pods of cert-manager's solver are there only while an issuer asks"},
}

func isExplained(code, message string) bool {
	for _, one := range explained {
		if code == one.code && strings.Contains(message, one.words) {
			return true
		}
	}
	return false
}

// What `istioctl analyze` says about the whole of an environment.
func TestAnalyzersAreContent(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", "istio-system", nil)
			source := local.ReaderSource{Name: env.Name + ".yaml",
				Reader: strings.NewReader(text(t, env.Objects) + text(t, existing(env)) + text(t, workloads(env)) +
					text(t, secrets(t, env)))}
			if err := analyzer.AddTestReaderKubeSource([]local.ReaderSource{source}); err != nil {
				t.Fatal(err)
			}
			if err := analyzer.AddDefaultResources(); err != nil {
				t.Fatal(err)
			}
			result, err := analyzer.Analyze(make(chan struct{}))
			if err != nil {
				t.Fatal(err)
			}
			if len(result.ExecutedAnalyzers) < 20 {
				t.Errorf("only %d analyzers ran: %v", len(result.ExecutedAnalyzers),
					result.SkippedAnalyzers)
			}
			for _, message := range result.Messages {
				if message.Type.Level() != diag.Info && !isExplained(message.Type.Code(), message.String()) {
					t.Error(message.String())
				}
			}
		})
	}
}
