// SPDX-License-Identifier: Apache-2.0

// Package analysis asks what the generated AnalysisTemplates say about series of requests: the
// queries by Prometheus' own engine, the conditions by the rollout controller's own evaluator.
package analysis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/evaluate"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	log "github.com/sirupsen/logrus"
	"sigs.k8s.io/yaml"
)

const pods = "6f7d8"

// Series of ten minutes; %s are labels of the pods. Requests a minute, of which failed and slow.
type traffic struct {
	name                  string
	good, bad, fast, slow int
	want                  map[string]v1alpha1.AnalysisPhase
}

var worlds = []traffic{
	{"healthy", 600, 0, 600, 0, map[string]v1alpha1.AnalysisPhase{
		"success-rate": v1alpha1.AnalysisPhaseSuccessful, "latency": v1alpha1.AnalysisPhaseSuccessful}},
	{"failing", 540, 60, 600, 0, map[string]v1alpha1.AnalysisPhase{
		"success-rate": v1alpha1.AnalysisPhaseFailed, "latency": v1alpha1.AnalysisPhaseSuccessful}},
	{"nothing but failures", 0, 600, 600, 0, map[string]v1alpha1.AnalysisPhase{
		"success-rate": v1alpha1.AnalysisPhaseFailed, "latency": v1alpha1.AnalysisPhaseSuccessful}},
	{"slow", 600, 0, 0, 600, map[string]v1alpha1.AnalysisPhase{
		"success-rate": v1alpha1.AnalysisPhaseSuccessful, "latency": v1alpha1.AnalysisPhaseFailed}},
	{"too little", 8, 0, 8, 0, map[string]v1alpha1.AnalysisPhase{
		"success-rate": v1alpha1.AnalysisPhaseInconclusive, "latency": v1alpha1.AnalysisPhaseInconclusive}},
	{"no traffic", 0, 0, 0, 0, map[string]v1alpha1.AnalysisPhase{
		"success-rate": v1alpha1.AnalysisPhaseInconclusive, "latency": v1alpha1.AnalysisPhaseInconclusive}},
}

// The stable version is always perfect and busy: it must not hide the new one.
func (w traffic) series(namespace, workload string) string {
	var out strings.Builder
	out.WriteString("load 15s\n")
	add := func(metric, hash, labels string, perMinute int) {
		if perMinute > 0 {
			fmt.Fprintf(&out, "  %s{reporter=\"destination\",destination_workload_namespace=\"%s\",pod=\"%s-%s-x2k4\"%s} 0+%gx40\n",
				metric, namespace, workload, hash, labels, float64(perMinute)/4)
		}
	}
	add("istio_requests_total", "5c5c5", `,response_code="200"`, 6000)
	add("istio_request_duration_milliseconds_bucket", "5c5c5", `,le="+Inf"`, 6000)
	add("istio_request_duration_milliseconds_bucket", "5c5c5", `,le="100"`, 6000)
	add("istio_requests_total", pods, `,response_code="200"`, w.good)
	add("istio_requests_total", pods, `,response_code="503"`, w.bad)
	add("istio_request_duration_milliseconds_bucket", pods, `,le="100"`, w.fast)
	add("istio_request_duration_milliseconds_bucket", pods, `,le="500"`, w.fast)
	add("istio_request_duration_milliseconds_bucket", pods, `,le="2500"`, w.fast+w.slow)
	add("istio_request_duration_milliseconds_bucket", pods, `,le="+Inf"`, w.fast+w.slow)
	return out.String()
}

func templates(t *testing.T) []v1alpha1.AnalysisTemplate {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("MESHCA_TREE"), "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out []v1alpha1.AnalysisTemplate
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range strings.Split(string(text), "\n---\n") {
			if strings.Contains(one, "\nkind: AnalysisTemplate\n") {
				var template v1alpha1.AnalysisTemplate
				if err := yaml.UnmarshalStrict([]byte(one), &template); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				out = append(out, template)
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("MESHCA_TREE holds no AnalysisTemplate; run scripts/conformance")
	}
	return out
}

func ask(t *testing.T, series, query string) []float64 {
	t.Helper()
	storage := promqltest.LoadedStorage(t, series)
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	at, err := engine.NewInstantQuery(context.Background(), storage, nil, query, time.Unix(600, 0))
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer at.Close()
	result := at.Exec(context.Background())
	vector, err := result.Vector()
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	return values(vector)
}

// As the controller's Prometheus provider makes its `result`.
func values(vector promql.Vector) []float64 {
	out := []float64{}
	for _, sample := range vector {
		out = append(out, sample.F)
	}
	return out
}

// Without enough traffic nothing promotes: only a phase Successful does.
func TestAnalysisTellsGoodFromBad(t *testing.T) {
	for _, template := range templates(t) {
		workload := strings.TrimSuffix(template.Name, "-gate")
		for _, world := range worlds {
			for _, metric := range template.Spec.Metrics {
				query := strings.ReplaceAll(metric.Provider.Prometheus.Query, "{{args.pods}}", pods)
				result := ask(t, world.series(template.Namespace, workload), query)
				phase, err := evaluate.EvaluateResult(result, metric, *log.NewEntry(log.New()))
				if err != nil {
					t.Fatal(err)
				}
				if phase != world.want[metric.Name] {
					t.Errorf("%s, %s, %s: %s with %v, want %s", template.Name, metric.Name, world.name, phase,
						result, world.want[metric.Name])
				}
			}
		}
	}
}
