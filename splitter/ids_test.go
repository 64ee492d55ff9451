package splitter

import (
	"encoding/json"
	"reflect"
	"testing"
)

// IDs are read as encoding/json reads strings, errors too.
func TestIDsAreReadAsStrings(t *testing.T) {
	for _, text := range []string{
		`[]`, ` [ ] `, `null`, `["a"]`, `["flatstream-a:1","b"]`, "[ \"a\" ,\n\t\"b\"\r\n]", `["a,b","]","[",""]`,
		`["a\"b","\u0041"]`, "[\"\xff\"]", `[1]`, `["a",1]`, `["a",null,"b"]`, `[["a"]]`, `{"a":"b"}`, `"a"`, `[{"a":"b"}]`, `["a"`, `["a" "b"]`,
	} {
		var got struct{ L IDs }
		var want struct{ L []string }
		gotErr := json.Unmarshal([]byte(`{"L":`+text+`}`), &got)
		wantErr := json.Unmarshal([]byte(`{"L":`+text+`}`), &want)
		if (gotErr == nil) != (wantErr == nil) || gotErr == nil && !reflect.DeepEqual([]string(got.L), want.L) {
			t.Errorf("%s: %q, %v; want %q, %v", text, got.L, gotErr, want.L, wantErr)
		}
	}
}
