package mirror

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	url := os.Getenv("ZZURL")
	start := time.Now()
	for range 3 {
		tr := store(t)
		if _, err := SyncAll(context.Background(), []Source{{Name: "r", URLs: []string{url}}}, tr, Options{}, false, 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(time.Since(start))
}
