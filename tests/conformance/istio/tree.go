// SPDX-License-Identifier: Apache-2.0

// Package conformance holds the generated trees against the judges that Istio itself uses.
package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pkg/config/mesh"
)

// Environment is what `meshca manifests` said about one environment.
type Environment struct {
	Name    string
	Objects []*unstructured.Unstructured
	Model   Model
	Mesh    *meshconfig.MeshConfig
}

// Environments reads MESHCA_TREE: for each environment NAME.yaml (the rendered stream), NAME.json
// (the model) and NAME.mesh.yaml (the mesh configuration of istiod's values).
func Environments(t *testing.T) []Environment {
	t.Helper()
	folder := os.Getenv("MESHCA_TREE")
	if folder == "" {
		t.Fatal("MESHCA_TREE is not set; run scripts/conformance")
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no models in %s (%v)", folder, err)
	}
	var out []Environment
	for _, file := range files {
		base := strings.TrimSuffix(file, ".json")
		env := Environment{Name: filepath.Base(base)}
		if err := json.Unmarshal(read(t, file), &env.Model); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		env.Objects = objects(t, base+".yaml")
		config, err := mesh.ApplyMeshConfigDefaults(string(read(t, base+".mesh.yaml")))
		if err != nil {
			t.Fatalf("%s.mesh.yaml: %v", base, err)
		}
		env.Mesh = config
		out = append(out, env)
	}
	return out
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func objects(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for i, text := range strings.Split("\n"+string(read(t, file)), "\n---\n") {
		if strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "---")) == "" {
			continue
		}
		object := &unstructured.Unstructured{}
		// Through JSON, so that whole numbers are whole: the rules in CEL tell int from double.
		plain, err := yaml.YAMLToJSONStrict([]byte(text))
		if err == nil {
			err = object.UnmarshalJSON(plain)
		}
		if err != nil {
			t.Fatalf("%s, document %d: %v", file, i, err)
		}
		out = append(out, object)
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no object", file)
	}
	return out
}

func name(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}

func text(t *testing.T, objects []*unstructured.Unstructured) string {
	t.Helper()
	var out strings.Builder
	for _, object := range objects {
		one, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("---\n")
		out.Write(one)
	}
	return out.String()
}
