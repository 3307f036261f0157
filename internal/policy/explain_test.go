package policy_test

import (
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

func TestExplain(t *testing.T) {
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, tt := range []struct {
		request string
		base    policy.Base
	}{
		{"POST /users/authenticatebyname", policy.Base{}},
		{"post /emby/Users/%2541uthenticateByName/?x=1", policy.Base{}},
		{"POST /U%C5%BFers/AuthenticateByName", policy.Base{}},
		{"GET /web/", policy.Base{}},
		{"/System/Info/Public", policy.Base{}},
		{"GET /Items/42/Images/Primary", policy.Base{}},
		{"GET /Videos/42/stream.mkv", policy.Base{}},
		{"DELETE /Items/42", policy.Base{}},
		{"GET /LiveTv/Tuners/Discover", policy.Base{}},
		{"POST /LiveTv/Timers", policy.Base{}},
		{"GET /Some/Plugin", policy.Base{}},
		{"GET /sso/2fa", policy.Base{}},
		{"OPTIONS /Items", policy.Base{}},
		{"TRACE /", policy.Base{}},
		{"GET /jellyfin/Users/Me", base},
		{"GET /Users/Me", base},
		{"GET /Users//Me", policy.Base{}},
		{"GET Users/Me", policy.Base{}},
		{"", policy.Base{}},
	} {
		b.WriteString(policy.New().Explain(tt.request, tt.base).String())
		b.WriteByte('\n')
	}
	golden(t, "explain.golden", b.String())
}
