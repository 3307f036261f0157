package grant

import (
	"context"
	"errors"
	"time"
)

var errGone = errors.New("gone")

// away is a store that never answers.
type away struct{}

func (away) PutGrants(context.Context, []Grant, Keep) error { return errGone }
func (away) PutOpenings(context.Context, []Opening) error   { return errGone }
func (away) EndGrants(context.Context, Ending, Keep) error  { return errGone }
func (away) WatchGrants(context.Context, func(Event)) error { return errGone }
func (away) Grants(context.Context, time.Time) ([]Grant, []Ending, error) {
	return nil, nil, errGone
}
