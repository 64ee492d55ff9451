package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/repodata"
	"flatstream/repodata/buildreq"
	"flatstream/repodata/rpmfile"
	"flatstream/splitter"
)

func defineFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "define", Usage: "define the macro `'NAME BODY'` for spec files; repeatable"}
}

func noRpmspecFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-rpmspec", Usage: "never ask rpmspec, which runs the shell and Lua of a spec: one that needs it is an error"}
}

// definesFor are the macros of a system, and those of --define.
func definesFor(c *cli.Context, platform, arch string) (map[string]string, error) {
	defines := buildreq.System(platform, arch)
	for _, d := range c.StringSlice("define") {
		name, body, ok := strings.Cut(strings.TrimSpace(d), " ")
		if !ok {
			return nil, &usageError{fmt.Sprintf("--define %q is not 'NAME BODY'", d), "write --define 'foo_version 1.2'"}
		}
		defines[name] = strings.TrimSpace(body)
	}
	return defines, nil
}

// readPackage reads a package that is built already.
func readPackage(file string) (p *repodata.Package, err error) {
	f, size, err := splitter.OpenRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, err := rpmfile.Read(f, size)
	if err != nil {
		return nil, err
	}
	if h.Arch == "src" {
		return nil, &hintedError{"it is a source package", "give it without --built to ask what its build needs"}
	}
	rel, err := rpmfile.ReadRelations(f, size)
	if err != nil {
		return nil, err
	}
	p = &repodata.Package{NEVRA: h.NEVRA}
	for _, kind := range []struct {
		list  *[]repodata.Relation
		texts []string
	}{{&p.Requires, rel.Requires}, {&p.Provides, rel.Provides}, {&p.Conflicts, rel.Conflicts}, {&p.Obsoletes, rel.Obsoletes}} {
		if *kind.list, err = repodata.ParseRelations(kind.texts); err != nil {
			return nil, err
		}
	}
	for _, path := range rel.Files {
		p.Files = append(p.Files, repodata.File{Path: path})
	}
	return p, nil
}
