package jellyfintest

import (
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

//go:embed routes recorded
var data embed.FS

// folder is where the recordings of a generation lie; for 10.10, which was not
// recorded, those of the next one.
func (r Release) folder() string {
	if r == V12 {
		return "recorded/12.0-rc5/"
	}
	return "recorded/10.11.11/"
}

// routerFor returns the generation's operations.
func routerFor(r Release) *router {
	switch r {
	case V12:
		return loadRouter(r, "routes/endpoints-12.csv")
	case V10_10:
		return loadRouter(r, "routes/endpoints-10.10.csv")
	}
	return loadRouter(r, "routes/endpoints-10.11.csv")
}

// loadRouter reads the table of endpoints and what was recorded for each. The
// data is part of the package, so an error in it is a panic.
func loadRouter(r Release, table string) *router {
	type key struct{ method, template string }
	recorded := map[key]Operation{}
	for _, op := range Operations(r) {
		recorded[key{op.Method, op.Template}] = op
	}
	rows, err := csv.NewReader(strings.NewReader(mustRead(table))).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("jellyfintest: read %s: %v", table, err))
	}
	var rt router
	for _, row := range rows[1:] {
		method, template, controller, action, auth := row[0], row[1], row[2], row[3], row[4]
		if strings.HasPrefix(controller, "(") {
			continue // middleware, see Server.ServeHTTP
		}
		op, ok := recorded[key{method, template}]
		if !ok && auth != "anonymous" {
			op.Stranger = http.StatusUnauthorized // only 10.10 has it
		}
		rt.routes = append(rt.routes, &route{
			method:   method,
			template: template,
			action:   controller + "." + action,
			auth:     auth,
			segments: parseTemplate(template),
			stranger: op.Stranger,
			user:     op.User,
		})
	}
	rt.routes = append(rt.routes, &route{template: "/health", action: actionHealth, auth: "anonymous", segments: parseTemplate("/health"), stranger: 200, user: 200})
	return &rt
}

// actionHealth is how ASP.NET Core names the endpoint of its health checks.
const actionHealth = "Health checks"

// Operation is what a real server answered to one operation of its API, called
// from outside with made-up ids.
type Operation struct {
	Method   string `json:"method"`
	Template string `json:"template"` // "/Users/{userId}"
	Action   string `json:"action"`   // "UserController.GetUserById"
	Auth     string `json:"says"`     // the policies that the server's source names
	Stranger int    `json:"stranger"` // status without a token
	User     int    `json:"user"`     // status for an ordinary user; 0 where it was not tried
}

// Operations returns every operation of a generation with the recorded statuses.
func Operations(r Release) []Operation {
	var ops []Operation
	mustDecode(r.folder()+"operations.json", &ops)
	return ops
}

func mustRead(name string) string {
	b, err := data.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("jellyfintest: %v", err))
	}
	return string(b)
}

func mustDecode(name string, v any) {
	if err := json.Unmarshal([]byte(mustRead(name)), v); err != nil {
		panic(fmt.Sprintf("jellyfintest: read %s: %v", name, err))
	}
}
