package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror"
	"flatstream/splitter"
)

// A source of a .repo file with repo_gpgcheck is checked by whatever reads it, also
// where it is a directory of this machine.
func TestLocalSourcesWithASignatureAreChecked(t *testing.T) {
	key, err := fixtures.NewKey(fixtures.KeyOptions{})
	must(t, err)
	public, err := key.Public()
	must(t, err)
	keyFile := filepath.Join(t.TempDir(), "key.asc")
	must(t, os.WriteFile(keyFile, public, 0o644))
	repo, err := fixtures.Parse("package jq 1.6-1 x86_64\n")
	must(t, err)
	dir := t.TempDir()
	must(t, repo.Write(dir, fixtures.Options{MetadataOnly: true}))
	open := func() error {
		sources, cleanup, err := openSources(context.Background(), []mirror.Source{
			{Name: "r", URLs: []string{dir}, RepoGPGCheck: true, GPGKeys: []string{keyFile}}}, splitter.RoleMerge)
		if err != nil {
			return err
		}
		defer cleanup()
		if sources[0].Dir != dir || sources[0].URL != "" {
			t.Errorf("the source stands in %q, %q", sources[0].Dir, sources[0].URL)
		}
		return nil
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), "repomd.xml.asc") {
		t.Errorf("no signature: %v", err)
	}
	md, err := os.ReadFile(filepath.Join(dir, "repodata/repomd.xml"))
	must(t, err)
	sig, err := key.V4(time.Unix(fixtures.Epoch, 0))(md)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "repodata/repomd.xml.asc"), sig, 0o644))
	must(t, open())
}
