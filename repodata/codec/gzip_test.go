package codec

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"
)

// Pieces stand anywhere in a file, were compressed by whatever encoder, and come out of
// the standard library's reader as they went in.
func TestPiecesStandInAnyFile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	other, err := NewEncoder(Gzip)
	if err != nil {
		t.Fatal(err)
	}
	other.Reset(io.Discard)
	e, err := NewEncoder(Gzip)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 200 {
		var stored, want bytes.Buffer
		e.Reset(&stored)
		for range r.IntN(6) {
			text := bytes.Repeat([]byte("<package>flatstream</package>\n"), r.IntN(3000))
			for range len(text) / 20 {
				text[r.IntN(len(text))] = byte(r.IntN(256))
			}
			want.Write(text)
			var packed []byte
			switch r.IntN(3) {
			case 0:
				_, err = e.Write(text)
			case 1:
				packed, err = other.WritePiece(text, nil)
				packed = bytes.Clone(packed)
				fallthrough
			default:
				if err == nil {
					_, err = e.WritePiece(text, packed)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(&stored)
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want.Bytes()) || stored.Len() > 0 {
			t.Fatalf("round %d: %d bytes of %d came back, %v, and %d were left", round, len(got), want.Len(), err, stored.Len())
		}
	}
}

// A piece is compressed alone: what stands before it changes nothing.
func TestPieceIsTheSameEverywhere(t *testing.T) {
	text := bytes.Repeat([]byte("<package>flatstream</package>\n"), 3000)
	var packed [2][]byte
	for i, before := range []string{"", "<package>flatstream</package>\n"} {
		e, err := NewEncoder(Gzip)
		if err != nil {
			t.Fatal(err)
		}
		e.Reset(io.Discard)
		io.WriteString(e, before)
		p, err := e.WritePiece(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		packed[i] = bytes.Clone(p)
	}
	if !bytes.Equal(packed[0], packed[1]) {
		t.Error("a piece depends on what stands before it")
	}
	for _, f := range []Format{None, Zstd} {
		var stored bytes.Buffer
		e, err := NewEncoder(f)
		if err != nil {
			t.Fatal(err)
		}
		e.Reset(&stored)
		if p, err := e.WritePiece(text, nil); p != nil || err != nil {
			t.Errorf("%s: a piece of %d bytes, %v", f, len(p), err)
		}
		e.Close()
		r, _, err := NewReader(&stored)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes came back, %v", f, len(got), err)
		}
	}
}
