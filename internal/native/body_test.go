package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jellyward/jellyward/internal/secret"
)

const asJSON = "application/json"

func read(contentType, body string) (credentials, int) {
	r := httptest.NewRequest(http.MethodPost, signInPath, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	c, err := readBody(r)
	var refused refusal
	switch {
	case err == nil:
		return c, http.StatusOK
	case errors.As(err, &refused):
		return credentials{}, refused.status
	}
	return credentials{}, 0
}

func utf16LE(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func TestReadBody(t *testing.T) {
	const good = `{"Username":"alice","Pw":"secret"}`
	for _, tt := range []struct {
		contentType, body, want string // a status, or name/password
	}{
		{asJSON, good, "alice/secret"},
		{"Application/JSON; Charset=\"UTF-8\"", good, "alice/secret"},
		{"application/json; odata=verbose", good, "alice/secret"},
		{"application/json;", good, "alice/secret"},
		{"application/problem+json", good, "alice/secret"},
		{"application/json;charset=utf-16", utf16LE(good), "alice/secret"},
		{"application/json;charset=utf-16", "\xff\xfe" + utf16LE(good), "alice/secret"},
		{"application/json;charset=utf-16", utf16LE(`{"username":"🙂","pw":"ä"}`), "🙂/ä"},
		{"application/json;charset=utf-16", utf16LE(good)[1:], "400"},
		{"application/json;charset=utf-16", utf16LE(`{"Username":"`) + "\x3d\xd8" + utf16LE(`"}`), "400"},
		{"application/json;charset=utf-16", utf16LE(`{"Username":"`) + "\x3d\xd8", "400"},
		{"application/json;charset=utf-16", good, "400"},
		{asJSON, utf16LE(good), "400"},
		{"", good, "415"},
		{"text/plain", good, "415"},
		{"text/x+json", good, "415"},
		{"application/jsonp", good, "415"},
		{"multipart/form-data", good, "415"},
		{"application/x-www-form-urlencoded", "Username=alice&Pw=secret", "415"},
		{"application/json;charset=utf-16be", good, "415"},
		{"application/json;charset=latin1", good, "415"},
		{"application/json; charset=utf-8; charset=utf-16", good, "415"},
		{asJSON, "\ufeff" + good, "alice/secret"},
		{asJSON, "\ufeff\ufeff" + good, "400"},
		{asJSON, " \t\r\n" + good + "\n", "alice/secret"},
		{asJSON, good + "x", "400"},
		{asJSON, good + good, "400"},
		{asJSON, "", "400"},
		{asJSON, "{", "400"},
		{asJSON, "[" + good + "]", "400"},
		{asJSON, `"Username"`, "400"},
		{asJSON, "null", "400"},
		{asJSON, "{}", "400"},
		{asJSON, `{"Username":" ","Pw":"x"}`, "400"},
		{asJSON, `{"Username":null,"Pw":"x"}`, "400"},
		{asJSON, `{"Username":"alice","Username":null}`, "400"},
		{asJSON, `{"Username":"alice","Pw":null}`, "alice/"},
		{asJSON, `{"Username":"alice","Pw":"x","PW":null}`, "alice/"},
		{asJSON, `{"Username":"alice","Pw":-1.50e+3}`, "alice/-1.50e+3"},
		{asJSON, `{"Username":true,"Pw":false}`, "true/false"},
		{asJSON, `{"Username":"alice","Pw":{}}`, "400"},
		{asJSON, `{"Username":"alice","Pw":["x"],"pw":"x"}`, "400"},
		{asJSON, `{"Username":"alice","Pw":"x","More":{"Pw":"y","a":[1,{}]}}`, "alice/x"},
		{asJSON, `{"\u0055sername":"\u0061lice","p\u0077":"\ud83d\ude42\\u\"\/"}`, `alice/🙂\u"/`},
		{asJSON, `{"Username":"alice","Pw":"\ud83d"}`, "400"},
		{asJSON, `{"Username":"alice","Pw":"\ud83dx\ude42"}`, "400"},
		{asJSON, `{"Username":"alice","Pw":"\ude42\ud83d"}`, "400"},
		{asJSON, `{"Username":"alice","Pw":"\\ud83d"}`, `alice/\ud83d`},
		{asJSON, `{"Username":"alice","Pw":"\ufffd"}`, "alice/\ufffd"},
		{asJSON, "{\"Username\":\"alice\",\"Pw\":\"\xff\"}", "400"},
		{asJSON, "{\"Username\":\"alice\",\"Pw\":\"\n\"}", "400"},
		{asJSON, `{"U` + "\u017f" + `ername":"alice","Pw":"x"}`, "400"},
		{asJSON, `{"Username":"alice",/**/"Pw":"x"}`, "400"},
		{asJSON, `{'Username':'alice'}`, "400"},
		{asJSON, `{"Username":"alice","Pw":"` + strings.Repeat("x", maxBody-len(good)+6) + `"}`, "alice/" + strings.Repeat("x", maxBody-len(good)+6)},
		{asJSON, good + strings.Repeat(" ", maxBody), "413"},
	} {
		c, status := read(tt.contentType, tt.body)
		got := c.name + "/" + string(c.password)
		if status != http.StatusOK {
			got = map[int]string{400: "400", 413: "413", 415: "415"}[status]
		}
		if got != tt.want {
			t.Errorf("%s %.80q is read as %.80q, want %.80q", tt.contentType, tt.body, got, tt.want)
		}
	}
}

func TestABodyThatIsTooLongIsNotWaitedFor(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, signInPath, unreadable{t})
	r.Header.Set("Content-Type", asJSON)
	r.ContentLength = maxBody + 1
	if _, err := readBody(r); !errors.Is(err, errTooLong) {
		t.Errorf("error = %v", err)
	}
	r = httptest.NewRequest(http.MethodPost, signInPath, strings.NewReader(strings.Repeat(" ", 4*maxBody)))
	r.Header.Set("Content-Type", asJSON)
	r.ContentLength = -1
	if _, err := readBody(r); !errors.Is(err, errTooLong) {
		t.Errorf("error = %v", err)
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, errors.New("not to be read")
}

// A body is read in one way, and what was read is written so that it is read
// again as it was. A second reader, which knows nothing of the first one's steps,
// must agree.
func FuzzReadBody(f *testing.F) {
	for _, c := range readRecorded(f) {
		r := c.request()
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		f.Add(r.Header.Get("Content-Type"), b.String())
	}
	f.Add(asJSON, `{"\u0055sername":"a\ud83d\ude42","PW":1,"pw":null,"x":[{"pw":2}]}`)
	f.Add("text/json;charset=utf-16le", utf16LE(`{"username":"🙂","pw":"ä"}`))
	f.Fuzz(func(t *testing.T, contentType, body string) {
		got, status := read(contentType, body)
		if status == 0 {
			t.Fatal("an error that is no refusal")
		}
		if status != http.StatusOK {
			return
		}
		again, err := json.Marshal(map[string]string{"Username": got.name, "Pw": string(got.password)})
		if err != nil {
			t.Fatal(err)
		}
		if same, status := read(asJSON, string(again)); same != got || status != http.StatusOK {
			t.Errorf("%q is read again as %v, %d", again, same, status)
		}
		if want, known := model(body); known && want != got {
			t.Errorf("%q is read as %q, %q, and by the model as %q, %q", body, got.name, string(got.password), want.name, string(want.password))
		}
	})
}

// model reads a body that is valid UTF-8 with the decoder of encoding/json alone,
// which takes keys in any case and the last of several. It does not know bodies
// whose keys fold to ours by way of letters that are not ASCII.
func model(body string) (c credentials, known bool) {
	body = strings.TrimPrefix(body, "\ufeff")
	if !utf8.ValidString(body) || strings.ContainsAny(body, "\u017f\u212a\x00") || strings.Contains(strings.ToLower(body), `\u017f`) {
		return credentials{}, false
	}
	var fields struct{ Username, Pw lenient }
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		return credentials{}, true
	}
	return credentials{string(fields.Username), secret.Text(fields.Pw)}, true
}

// lenient is a text that may be written as a number or a boolean.
type lenient string

func (l *lenient) UnmarshalJSON(raw []byte) error {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*l = ""
	case string:
		*l = lenient(v)
	case json.Number:
		*l = lenient(v)
	case bool:
		*l = "false"
		if v {
			*l = "true"
		}
	default:
		return errors.New("no text")
	}
	return nil
}
