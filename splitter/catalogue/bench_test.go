package catalogue

import (
	"context"
	"testing"

	"flatstream/fixtures"
	"flatstream/splitter"
)

// BenchmarkWrite writes the pages of 500 builds with 10,000 packages, which a split
// takes 0.7 s for (BENCHMARKS.md).
func BenchmarkWrite(b *testing.B) {
	shape := fixtures.Shape{Seed: 1, Packages: 10_000, Builds: 500, Small: true}
	plan, err := splitter.NewPlan(context.Background(), []splitter.Source{source(b, "large", shape.Write)}, splitter.Options{Link: splitter.LinkNothing})
	if err != nil {
		b.Fatal(err)
	}
	in := Input{Plan: plan, Report: plan.Report()}
	dir := b.TempDir()
	for b.Loop() {
		if err := Write(dir, in); err != nil {
			b.Fatal(err)
		}
	}
}
