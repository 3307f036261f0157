package signin_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// fakeStore keeps factors and charges in memory, without a network, so that it
// can stand in a synctest bubble and fail on demand.
type fakeStore struct {
	mu       sync.Mutex
	factors  map[string]totp.Enrolment
	pending  map[string]totp.Pending
	spent    map[string]totp.Step
	claims   map[string]string
	names    map[string]string // folded name to id
	charges  map[string]throttle.Charge
	limited  map[string]throttle.Verdict // by user id
	nextName int
	fail     map[string]error // by method
	after    func(method string)
}

func newStore() *fakeStore {
	return &fakeStore{
		factors: map[string]totp.Enrolment{}, pending: map[string]totp.Pending{}, spent: map[string]totp.Step{},
		claims: map[string]string{}, names: map[string]string{}, charges: map[string]throttle.Charge{},
		limited: map[string]throttle.Verdict{}, fail: map[string]error{},
	}
}

// enter locks the store for one method and returns the unlocking.
func (f *fakeStore) enter(method string) (leave func(), err error) {
	f.mu.Lock()
	return func() {
		after := f.after
		f.mu.Unlock()
		if after != nil {
			after(method)
		}
	}, f.fail[method]
}

func (f *fakeStore) Enrolment(_ context.Context, userID string) (totp.Enrolment, error) {
	leave, err := f.enter("Enrolment")
	defer leave()
	if err != nil {
		return totp.Enrolment{}, err
	}
	e, ok := f.factors[userID]
	if !ok {
		return totp.Enrolment{}, totp.ErrNotEnrolled
	}
	return e, nil
}

func (f *fakeStore) PutPending(_ context.Context, p totp.Pending, _ time.Duration) error {
	leave, err := f.enter("PutPending")
	defer leave()
	if err != nil {
		return err
	}
	f.pending[p.UserID] = p
	return nil
}

func (f *fakeStore) Pending(_ context.Context, userID string) (totp.Pending, error) {
	leave, err := f.enter("Pending")
	defer leave()
	if err != nil {
		return totp.Pending{}, err
	}
	p, ok := f.pending[userID]
	if !ok {
		return totp.Pending{}, totp.ErrNoPending
	}
	return p, nil
}

func (f *fakeStore) Activate(_ context.Context, userID, pendingID string, step totp.Step) error {
	leave, err := f.enter("Activate")
	defer leave()
	if err != nil {
		return err
	}
	p, ok := f.pending[userID]
	if !ok || p.ID != pendingID || p.Replaces != f.factors[userID].ID {
		return totp.ErrNoPending
	}
	if step <= f.spent[userID] {
		return totp.ErrSpent
	}
	delete(f.pending, userID)
	f.spent[userID] = step
	f.factors[userID] = totp.Enrolment{ID: p.ID, UserID: userID, Name: p.Name, Secret: p.Secret, Created: p.Created}
	return nil
}

func claimKey(userID string, step totp.Step) string { return fmt.Sprint(userID, "/", step) }

func (f *fakeStore) Claim(_ context.Context, userID string, step totp.Step, _ time.Duration) (string, error) {
	leave, err := f.enter("Claim")
	defer leave()
	if err != nil {
		return "", err
	}
	if _, held := f.claims[claimKey(userID, step)]; held || step <= f.spent[userID] {
		return "", totp.ErrSpent
	}
	f.nextName++
	f.claims[claimKey(userID, step)] = fmt.Sprint(f.nextName)
	return f.claims[claimKey(userID, step)], nil
}

func (f *fakeStore) Spend(_ context.Context, userID string, step totp.Step, claim string) error {
	leave, err := f.enter("Spend")
	defer leave()
	if err != nil {
		return err
	}
	if step <= f.spent[userID] || f.claims[claimKey(userID, step)] != claim {
		return totp.ErrSpent
	}
	f.spent[userID] = step
	delete(f.claims, claimKey(userID, step))
	return nil
}

func (f *fakeStore) Release(_ context.Context, userID string, step totp.Step, claim string) error {
	leave, err := f.enter("Release")
	defer leave()
	if err != nil {
		return err
	}
	if f.claims[claimKey(userID, step)] == claim {
		delete(f.claims, claimKey(userID, step))
	}
	return nil
}

func (f *fakeStore) UserID(_ context.Context, name string) (string, error) {
	leave, err := f.enter("UserID")
	defer leave()
	if err != nil {
		return "", err
	}
	id, ok := f.names[strings.ToLower(name)]
	if !ok {
		return "", totp.ErrUnknownName
	}
	return id, nil
}

func (f *fakeStore) PutName(_ context.Context, name, userID string) error {
	leave, err := f.enter("PutName")
	defer leave()
	if err != nil {
		return err
	}
	for known, id := range f.names {
		if id == userID {
			delete(f.names, known)
		}
	}
	f.names[strings.ToLower(name)] = userID
	return nil
}

func (f *fakeStore) Enrolments(context.Context) ([]totp.Enrolment, error) { return nil, nil }
func (f *fakeStore) Reset(context.Context, string) error                  { return nil }

func (f *fakeStore) Charge(_ context.Context, c throttle.Charge, _ throttle.Rules) (throttle.Verdict, error) {
	leave, err := f.enter("Charge")
	defer leave()
	if err != nil {
		return throttle.Verdict{}, err
	}
	if verdict, ok := f.limited[c.UserID]; ok {
		return verdict, nil
	}
	f.charges[c.ID] = c
	return throttle.Verdict{}, nil
}

func (f *fakeStore) Identify(_ context.Context, c throttle.Charge, _ throttle.Rules) (throttle.Verdict, error) {
	leave, err := f.enter("Identify")
	defer leave()
	if err != nil {
		return throttle.Verdict{}, err
	}
	if verdict, ok := f.limited[c.UserID]; ok {
		return verdict, nil
	}
	f.charges[c.ID] = c
	return throttle.Verdict{}, nil
}

func (f *fakeStore) Refund(_ context.Context, c throttle.Charge) error {
	leave, err := f.enter("Refund")
	defer leave()
	if err != nil {
		return err
	}
	delete(f.charges, c.ID)
	return nil
}

func (f *fakeStore) Settle(_ context.Context, c throttle.Charge, _ time.Time, _ throttle.Rules) error {
	leave, err := f.enter("Settle")
	defer leave()
	if err != nil {
		return err
	}
	delete(f.charges, c.ID)
	return nil
}

// open returns how many charges were not given back.
func (f *fakeStore) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.charges)
}

// held returns how many claims are held.
func (f *fakeStore) held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.claims)
}

// enrolled gives the user a factor and returns its secret.
func (f *fakeStore) enrolled(userID, name string) totp.Secret {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := totp.NewSecret()
	f.factors[userID] = totp.Enrolment{ID: "held", UserID: userID, Name: name, Secret: s}
	f.names[strings.ToLower(name)] = userID
	return s
}
