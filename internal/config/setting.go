package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// setting is one leaf of [Config], as its tags describe it.
type setting struct {
	Key       string   // dotted path in the file: "tunnel.token"
	Env       []string // its variable, then further names that are understood
	Doc       string
	Default   string
	Otherwise string
	OneOf     []string
	Secret    bool   // also as NAME_FILE; never printed
	EmptyIs   bool   // an explicit empty value is a value of its own
	Separator string // between the items of a list
	index     []int
}

// settings lists the leaves of [Config] in the order of its fields.
func settings() []setting {
	return settingsOf(reflect.TypeFor[Config](), "", nil)
}

func settingsOf(t reflect.Type, prefix string, index []int) []setting {
	var all []setting
	for i := range t.NumField() {
		f := t.Field(i)
		key, at := prefix+f.Tag.Get("yaml"), append(slices.Clone(index), i)
		env, leaf := f.Tag.Lookup("env")
		if !leaf {
			all = append(all, settingsOf(f.Type, key+".", at)...)
			continue
		}
		s := setting{
			Key:       key,
			Env:       strings.Split(env, ","),
			Doc:       f.Tag.Get("doc"),
			Default:   f.Tag.Get("default"),
			Otherwise: f.Tag.Get("otherwise"),
			Secret:    f.Type == reflect.TypeFor[secret.Text](),
			EmptyIs:   f.Tag.Get("empty") == "none",
			Separator: ",",
			index:     at,
		}
		if separator := f.Tag.Get("separator"); separator != "" {
			s.Separator = separator
		}
		if words := f.Tag.Get("one_of"); words != "" {
			s.OneOf = strings.Split(words, "|")
		}
		all = append(all, s)
	}
	return all
}

// set parses text into the setting's field of c. A cause means that it did not
// fit, and c is unchanged.
func (s setting) set(c *Config, text string) (cause, hint string) {
	if cause, hint = s.checkWord(text); cause != "" {
		return cause, hint
	}
	field := reflect.ValueOf(c).Elem().FieldByIndex(s.index)
	switch p := field.Addr().Interface().(type) {
	case *string:
		*p = text
	case *secret.Text:
		*p = secret.Text(text)
	case *bool:
		*p = isOn(text)
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Sprintf("is %s, which is no whole number", quote(text)), "write a number, for example " + s.Default
		}
		*p = n
	case *[]string:
		*p = splitList(text, s.Separator)
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Sprintf("is %s, which is no duration", quote(text)), "write hours and minutes as in 90m, 36h or 720h (30 days)"
		}
		*p = d
	case *slog.Level:
		if err := p.UnmarshalText([]byte(text)); err != nil {
			return fmt.Sprintf("is %s, which is no level", quote(text)), "write " + wordList(s.OneOf)
		}
	case **url.URL:
		u, cause, hint := parseOrigin(text)
		if cause != "" {
			return cause, hint
		}
		*p = u
	default:
		return fmt.Sprintf("has a type that cannot be set: %T", p), "report this as a bug"
	}
	return "", ""
}

// isList tells whether the setting is a list, which a file may write as one.
func (s setting) isList() bool {
	return reflect.TypeFor[Config]().FieldByIndex(s.index).Type.Kind() == reflect.Slice
}

// checkWord refuses text that is none of the words that the setting may be.
// Switches understand a few more, because YAML's readers write them.
func (s setting) checkWord(text string) (cause, hint string) {
	if s.OneOf == nil || slices.Contains(s.OneOf, text) {
		return "", ""
	}
	if slices.Equal(s.OneOf, []string{"on", "off"}) && slices.Contains([]string{"true", "false", "yes", "no"}, text) {
		return "", ""
	}
	return fmt.Sprintf("is %s, which it cannot be", quote(text)), "write " + wordList(s.OneOf)
}

func isOn(text string) bool {
	return text == "on" || text == "true" || text == "yes"
}

// splitList splits at separators and drops what is empty.
func splitList(text, separator string) []string {
	var list []string
	for item := range strings.SplitSeq(text, separator) {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// wordList renders words for people: "auto, quic or http2".
func wordList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// quote renders a value inside a message, long ones cut.
func quote(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}
