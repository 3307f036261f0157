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
		{"/emby/users/public", policy.Base{}},
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
		b.WriteString(policy.New().Explain(question(tt.request, tt.base)).String())
		b.WriteByte('\n')
	}
	golden(t, "explain.golden", b.String())
}

// question reads a request such as "GET /web/", or a target alone.
func question(request string, base policy.Base) policy.Question {
	q := policy.Question{Target: request, Base: base, Switches: policy.DefaultSwitches()}
	if method, target, two := strings.Cut(request, " "); two {
		q.Method, q.Target = method, target
	}
	return q
}

// TestExplainGoesByListsAndSwitches is for what an admin changes.
func TestExplainGoesByListsAndSwitches(t *testing.T) {
	p := compiled(t, "unknown", "+GET /Plugin/{**r} public for Streamyfin, Finamp", "-/Items/{id}/Download", "+/health")
	var b strings.Builder
	for _, tt := range []struct {
		request, client      string
		media, images, admin string
		socket               bool
	}{
		{"GET /Plugin/x", "finamp", "token", "open", "token", false},
		{"GET /Plugin/x", "", "token", "open", "token", false},
		{"GET /Items/%2542/Download", "", "token", "open", "token", false},
		{"GET /health", "", "token", "open", "token", false},
		{"GET /Videos/1/stream", "", "token", "open", "token", false},
		{"GET /Videos/1/stream", "", "network", "open", "token", false},
		{"GET /Videos/1/stream", "", "open", "open", "token", false},
		{"GET /UserImage", "", "open", "network", "token", false},
		{"GET /UserImage", "", "open", "token", "token", false},
		{"GET /System/Logs", "", "open", "token", "token", false},
		{"GET /System/Logs", "", "open", "token", "recent", false},
		{"GET /System/Logs", "", "open", "token", "lan", false},
		{"GET /socket", "", "open", "token", "lan", true},
		{"GET /Plugin/x", "", "open", "token", "lan", true},
		{"POST /socket", "", "open", "token", "lan", true},
	} {
		q := question(tt.request, policy.Base{})
		q.Client, q.Socket = tt.client, tt.socket
		var err error
		if q.Switches, err = policy.ParseSwitches(tt.media, tt.images, tt.admin); err != nil {
			t.Fatal(err)
		}
		b.WriteString("# media " + tt.media + ", images " + tt.images + ", admin " + tt.admin + "\n" + p.Explain(q).String() + "\n")
	}
	golden(t, "explain_lists.golden", b.String())
}

func TestExplainTellsOfWhomItIsAsked(t *testing.T) {
	q := question("GET /Items", policy.Base{})
	q.Visitors = []policy.Visitor{policy.App}
	e := policy.New().Explain(q)
	if len(e.Fates) != 1 || e.Of(policy.App).Outcome != policy.Passes || e.Of(policy.Stranger) != (policy.Fate{}) {
		t.Errorf("fates are %+v", e.Fates)
	}
}
