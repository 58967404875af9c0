// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"strings"
	"testing"

	admission "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/environment"
)

func virtualService(route map[string]any, annotations map[string]any) map[string]any {
	metadata := map[string]any{"name": "a", "namespace": "b"}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	return map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
		"metadata": metadata, "spec": map[string]any{"hosts": []any{"a"}, "http": []any{route}}}
}

// Bullet 3.5: the admission policies compile as the API server compiles them; one about faults
// refuses them where the environment does, and elsewhere without the day that they end.
func TestGuardrailsDecide(t *testing.T) {
	fault := map[string]any{"name": "read", "fault": map[string]any{"delay": map[string]any{}}}
	plain := map[string]any{"name": "read"}
	dated := map[string]any{"meshca.dev/fault-expires.read": "2027-03-31"}
	tcp := map[string]any{"metadata": map[string]any{"name": "a"},
		"spec": map[string]any{"tcp": []any{}}}
	compiler := cel.NewCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	for _, env := range Environments(t) {
		allowed := env.Model.Environment.FaultsAllowed
		cases := []struct {
			name   string
			object map[string]any
			want   bool
		}{
			{"no fault", virtualService(plain, nil), true},
			{"TCP only", tcp, true},
			{"a fault", virtualService(fault, nil), false},
			{"a fault with another route's day", virtualService(fault,
				map[string]any{"meshca.dev/fault-expires.write": "2027-03-31"}), false},
			{"a fault with its day", virtualService(fault, dated), allowed},
		}
		t.Run(env.Name, func(t *testing.T) {
			policies := 0
			for _, object := range env.Objects {
				if object.GetKind() != "ValidatingAdmissionPolicy" ||
					!strings.HasPrefix(object.GetName(), "meshca-faults-") {
					continue
				}
				var policy admission.ValidatingAdmissionPolicy
				if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policy); err != nil {
					t.Fatal(err)
				}
				policies++
				for _, validation := range policy.Spec.Validations {
					compiled := compiler.CompileCELExpression(&validating.ValidationCondition{
						Expression: validation.Expression}, cel.OptionalVariableDeclarations{},
						environment.StoredExpressions)
					if compiled.Error != nil {
						t.Fatalf("%s: %v", policy.Name, compiled.Error)
					}
					for _, one := range cases {
						value, _, err := compiled.Program.Eval(map[string]any{"object": one.object})
						if err != nil {
							t.Errorf("%s, %s: %v", policy.Name, one.name, err)
						} else if value.Value() != one.want {
							t.Errorf("%s, %s: %v, want %v", policy.Name, one.name, value.Value(), one.want)
						}
					}
				}
			}
			if policies != 1 {
				t.Errorf("%d admission policies, want one, about faults", policies)
			}
		})
	}
}
