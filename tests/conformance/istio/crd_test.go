// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pkg/config/crd"
)

// Where each project publishes its CustomResourceDefinitions, as a Go module's files.
var definitions = []struct{ module, folder string }{
	{"istio.io/api@v1.31.4", "kubernetes"},
	{"github.com/cert-manager/cert-manager@v1.21.2", "deploy/crds"},
	{"github.com/argoproj/argo-rollouts@v1.9.1", "manifests/crds"},
	{"github.com/argoproj/argo-cd/v3@v3.4.2", "manifests/crds"},
	{"github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd"},
	{"sigs.k8s.io/gateway-api@v1.6.1", "config/crd/standard"},
}

func definitionFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, source := range definitions {
		if strings.HasPrefix(source.module, "istio.io/api@") && os.Getenv("MESHCA_ISTIO_API") != "" {
			source.module = os.Getenv("MESHCA_ISTIO_API")
		}
		answer, err := exec.Command("go", "mod", "download", "-json", source.module).Output()
		if err != nil {
			t.Fatalf("%s: %v %s", source.module, err, answer)
		}
		var module struct{ Dir string }
		if err := json.Unmarshal(answer, &module); err != nil {
			t.Fatal(err)
		}
		found := 0
		err = filepath.WalkDir(filepath.Join(module.Dir, source.folder),
			func(path string, entry fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				if !entry.IsDir() && strings.HasSuffix(path, ".yaml") &&
					!strings.Contains(path, "kustomization") {
					found++
					files = append(files, path)
				}
				return nil
			})
		if err != nil || found == 0 {
			t.Fatalf("%s: no definitions in %s (%v)", source.module, source.folder, err)
		}
	}
	return files
}

// Every object is judged: by its CustomResourceDefinition (defaults, schema, list types, unknown
// fields, CEL), or, for kinds that Kubernetes builds in, by a strict decoder. A kind that neither
// knows fails.
func TestEveryObjectHasAJudge(t *testing.T) {
	validator, err := crd.NewValidatorFromFilesWithOptions(definitionFiles(t), crd.WithoutCRDValidation())
	if err != nil {
		t.Fatal(err)
	}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			for _, object := range env.Objects {
				if scheme.Scheme.Recognizes(object.GroupVersionKind()) {
					text, err := yaml.Marshal(object.Object)
					if err != nil {
						t.Fatal(err)
					}
					if _, _, err := strict.Decode(text, nil, nil); err != nil {
						t.Errorf("%s: %v", name(object), err)
					}
				} else if err := validator.ValidateCustomResource(object.DeepCopy()); err != nil {
					t.Errorf("%s: %v", name(object), err)
				}
			}
		})
	}
}
