package repodata

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// cutBoth runs the scanner by hand and encoding/xml over one document.
func cutBoth(doc []byte, root, child string) (hand, xml [][]byte, c *cutter, x *xmlCutter, handErr, xmlErr error) {
	c = newCutter(bytes.NewReader(doc), root, child)
	x = newXMLCutter(bytes.NewReader(doc), root, child)
	hand, handErr = cutAll(c.next)
	xml, xmlErr = cutAll(x.next)
	return
}

func TestScannerAgreesWithXMLOnRealData(t *testing.T) {
	for _, repo := range someRealRepos() {
		for _, typ := range []string{TypePrimary, TypeFilelists, TypeOther} {
			root, _ := rootElement(typ)
			hand, xml, c, x, handErr, xmlErr := cutBoth(realData(t, repo, typ), root, "package")
			if handErr != nil || xmlErr != nil {
				t.Fatalf("%s %s: by hand %v, encoding/xml %v", repo, typ, handErr, xmlErr)
			}
			if c.slow != nil {
				t.Errorf("%s %s: a real file was left to encoding/xml", repo, typ)
			}
			if len(hand) != c.announced || c.announced != x.announced || !slices.EqualFunc(hand, xml, bytes.Equal) {
				t.Errorf("%s %s: %d elements by hand, %d by encoding/xml", repo, typ, len(hand), len(xml))
			}
		}
	}
}

// oddDocuments are legal and not what createrepo_c writes.
var oddDocuments = map[string]string{
	"empty":                     `<metadata packages="0"></metadata>`,
	"empty root tag":            `<metadata packages="0"/>`,
	"byte order mark":           "\ufeff" + `<metadata><package a="1"></package></metadata>`,
	"no declaration, one line":  `<metadata><package><name>a</name></package><package><name>b</name></package></metadata>`,
	"packager":                  `<metadata><package><packager>x</packager></package></metadata>`,
	"cdata":                     `<metadata><package><name><![CDATA[</package>]]></name></package><package>2</package></metadata>`,
	"comment":                   `<metadata><package><!-- </package> --><name/></package><package>2</package></metadata>`,
	"instruction":               `<metadata><package><?x </package> ?></package><package>2</package></metadata>`,
	"comment between":           `<metadata><!-- <package>no</package> --><package>1</package></metadata>`,
	"comment after":             `<metadata><package>1</package></metadata><!-- end -->`,
	"space in the closing tag":  "<metadata><package>1</package \n><package>2</package></metadata >",
	"empty package":             `<metadata><package/><package>2</package></metadata>`,
	"empty package, odd quotes": `<metadata><package a="b>" c='">'/><package>2</package></metadata>`,
	"greater-than in a value":   `<metadata><package a="b>c"><x y="/>"/></package></metadata>`,
	"single quotes":             `<metadata packages='1'><package a='">'>1</package></metadata>`,
	"doctype":                   `<!DOCTYPE metadata><metadata><package>1</package></metadata>`,
	"nested close in attribute": `<metadata><package a="&lt;/package>">1</package></metadata>`,
	"carriage returns":          "<metadata>\r\n<package>\r\n</package>\r\n</metadata>\r\n",
	"declared prefix, unused":   `<metadata xmlns:x="y"><package>1</package></metadata>`,
	"text between":              `<metadata>x<package>1</package>y</metadata>`,
	"long element":              `<metadata><package>` + strings.Repeat("<x>y</x>", scanBuffer/4) + `</package><package>2</package></metadata>`,
}

func TestScannerAgreesWithXMLOnOddDocuments(t *testing.T) {
	for name, doc := range oddDocuments {
		hand, xml, c, x, handErr, xmlErr := cutBoth([]byte(doc), "metadata", "package")
		if handErr != nil || xmlErr != nil {
			t.Errorf("%s: by hand %v, encoding/xml %v", name, handErr, xmlErr)
		}
		if c.announced != x.announced || !slices.EqualFunc(hand, xml, bytes.Equal) {
			t.Errorf("%s: by hand %d %.200q (announced %d), encoding/xml %d %.200q (announced %d)",
				name, len(hand), hand, c.announced, len(xml), xml, x.announced)
		}
	}
}

// Reads of any size give the same elements.
func TestScannerReadsByteByByte(t *testing.T) {
	for name, doc := range oddDocuments {
		if len(doc) > 1000 {
			continue
		}
		want, _ := cutAll(newCutter(strings.NewReader(doc), "metadata", "package").next)
		got, err := cutAll(newCutter(iotest.OneByteReader(strings.NewReader(doc)), "metadata", "package").next)
		if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%s: byte by byte %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestScannerRefuses(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"nothing":             {"", "no <metadata>"},
		"another root":        {"<html><package/></html>", "<html>"},
		"cut off":             {"<metadata><package><name>a</na", "unexpected EOF"},
		"cut off after one":   {"<metadata><package>1</package>", "unexpected EOF"},
		"text after the end":  {"<metadata></metadata><metadata></metadata>", "unexpected element"},
		"other children":      {"<metadata><pkg/></metadata>", "<pkg>"},
		"a package inside":    {"<metadata><package><package></package></package></metadata>", ""},
		"a prefix":            {`<c:metadata xmlns:c="x"><c:package></c:package></c:metadata>`, "prefix"},
		"a prefix inside":     {`<metadata xmlns:r="x"><package><r:entry/></package></metadata>`, "prefix"},
		"a foreign encoding":  {`<?xml version="1.0" encoding="ISO-8859-1"?><metadata></metadata>`, "ISO-8859-1"},
		"a count of no count": {`<metadata packages="-3"></metadata>`, "-3"},
	} {
		_, err := cutAll(newCutter(strings.NewReader(c.doc), "metadata", "package").next)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.want)
		}
	}
}

// An element without end does not take all memory.
func TestScannerBoundsElements(t *testing.T) {
	for name, start := range map[string]string{"plain": "<metadata><package>", "left to encoding/xml": "<metadata><package><!-- -->"} {
		doc := io.MultiReader(strings.NewReader(start), io.LimitReader(zeros{}, 3*maxElement))
		_, err := cutAll(newCutter(doc, "metadata", "package").next)
		if err == nil || !strings.Contains(err.Error(), "64 MiB") {
			t.Errorf("%s: %v, want a refusal that names the limit", name, err)
		}
	}
}

// zeros is text without end, of the digit.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// The verdict of the reader is heard even where the document is complete before.
func TestScannerHearsTheVerdict(t *testing.T) {
	verdict := errors.New("checksum")
	for _, tail := range []string{"", "\n", "<!-- -->"} {
		doc := io.MultiReader(strings.NewReader("<metadata><package>1</package></metadata>"+tail), iotest.ErrReader(verdict))
		got, err := cutAll(newCutter(doc, "metadata", "package").next)
		if len(got) != 1 || !errors.Is(err, verdict) {
			t.Errorf("tail %q: %d elements, %v; want the reader's error", tail, len(got), err)
		}
	}
}

// Whatever encoding/xml accepts, the scanner cuts in the same way.
func FuzzElements(f *testing.F) {
	for _, doc := range oddDocuments {
		if len(doc) < 1000 {
			f.Add([]byte(doc))
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		hand, xml, c, x, handErr, xmlErr := cutBoth(doc, "metadata", "package")
		if xmlErr != nil {
			return
		}
		if handErr != nil || c.announced != x.announced || !slices.EqualFunc(hand, xml, bytes.Equal) {
			t.Errorf("by hand %q (announced %d), %v\nencoding/xml %q (announced %d)", hand, c.announced, handErr, xml, x.announced)
		}
	})
}
