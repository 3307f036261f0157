package main

import (
	"encoding/base64"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"jellyward": main})
}

// tunnelToken is a token as Cloudflare's dashboard shows them, of no tunnel.
const tunnelToken = `{"a":"0123456789abcdef0123456789abcdef","t":"11111111-2222-4333-8444-555555555555","s":"bm9ib2R5J3Mgc2VjcmV0"}`

// TestScripts plays the transcripts: commands as an admin types them, and what
// they answer.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			file := filepath.Join(env.WorkDir, "jellyward.yaml")
			env.Setenv("JELLYWARD_CONFIG", file)
			env.Setenv("JELLYWARD_DATA_DIR", filepath.Join(env.WorkDir, "data"))
			server, err := exec.LookPath("redis-server")
			if err != nil {
				return err
			}
			env.Setenv("REDIS_SERVER", server)
			program, err := exec.LookPath("jellyward")
			if err != nil {
				return err
			}
			env.Setenv("JELLYWARD", program)
			env.Setenv("TOKEN", base64.StdEncoding.EncodeToString([]byte(tunnelToken)))
			if _, err := os.Stat(file); err == nil {
				return nil // the script brings its own
			}
			return os.WriteFile(file, nil, 0o600)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fails":       fails,
			"answers":     answers,
			"jellyfin":    startJellyfin,
			"website":     startWebsite,
			"redis":       startRedis,
			"port":        freePort,
			"key":         makeKey,
			"enrol":       enrol,
			"begin":       beginEnrolment,
			"device":      signInDevice,
			"apppassword": makeAppPassword,
			"terminate":   terminate,
			"await":       await,
			"reachable":   reachable,
		},
	})
}
