package store

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/grant"
	"github.com/redis/go-redis/v9"
)

var _ grant.Store = (*Store)(nil)

// What is published on channelGranted, words with one space between; WHEN is in
// milliseconds since 1970.
//
//	grant TOKEN WHEN NET[ ITEM]
//	open TOKEN WHEN NET ITEM
//	end TOKEN WHEN
const (
	wordGrant = "grant"
	wordOpen  = "open"
	wordEnd   = "end"
)

// PutGrants implements [grant.Store].
func (s *Store) PutGrants(ctx context.Context, grants []grant.Grant, k grant.Keep) error {
	if len(grants) == 0 {
		return nil
	}
	var newest time.Time
	args := []any{
		prefixGrant, channelGranted, k.For.Milliseconds(), k.Max, k.PerToken, k.InFlight.Milliseconds(), 0,
	}
	for _, g := range grants {
		if g.At.After(newest) {
			newest = g.At
		}
		args = append(args, g.TokenHash, milliseconds(g.At), where(g.Network, g.Item))
	}
	args[6] = milliseconds(newest.Add(-k.For))
	_, err := s.run(ctx, s.scripts.putGrants, []string{keyGrants, keyGrantsEnded}, args...)
	return err
}

// PutOpenings implements [grant.Store].
func (s *Store) PutOpenings(ctx context.Context, all []grant.Opening) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, o := range all {
			p.Publish(ctx, channelGranted, fmt.Sprintf("%s %s %d %s", wordOpen, o.TokenHash, milliseconds(o.At), where(o.Network, o.Item)))
		}
		return nil
	})
	return unavailable(err)
}

// EndGrants implements [grant.Store].
func (s *Store) EndGrants(ctx context.Context, e grant.Ending, k grant.Keep) error {
	kept := k.For + k.InFlight
	_, err := s.run(
		ctx, s.scripts.endGrants, []string{prefixGrant + e.TokenHash, keyGrants, keyGrantsEnded},
		e.TokenHash, milliseconds(e.At), channelGranted, kept.Milliseconds(), k.Max, k.InFlight.Milliseconds(),
		milliseconds(e.At.Add(-kept)),
	)
	return err
}

// Grants implements [grant.Store]. Grants are read before endings: a token that
// ends in between is among those that have ended.
func (s *Store) Grants(ctx context.Context, since time.Time) ([]grant.Grant, []grant.Ending, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	newer := &redis.ZRangeBy{Min: strconv.FormatInt(milliseconds(since), 10), Max: "+inf"}
	keptGrants, err := s.client.ZRangeByScoreWithScores(ctx, keyGrants, newer).Result()
	if err != nil {
		return nil, nil, unavailable(err)
	}
	keptEndings, err := s.client.ZRangeByScoreWithScores(ctx, keyGrantsEnded, newer).Result()
	if err != nil {
		return nil, nil, unavailable(err)
	}
	var grants []grant.Grant
	for _, z := range keptGrants {
		member, _ := z.Member.(string)
		token, rest, _ := strings.Cut(member, " ")
		if network, item, ok := parseWhere(rest); ok {
			grants = append(grants, grant.Grant{TokenHash: token, Network: network, Item: item, At: moment(z.Score)})
		}
	}
	var endings []grant.Ending
	for _, z := range keptEndings {
		if token, ok := z.Member.(string); ok {
			endings = append(endings, grant.Ending{TokenHash: token, At: moment(z.Score)})
		}
	}
	return grants, endings, nil
}

// WatchGrants implements [grant.Store].
func (s *Store) WatchGrants(ctx context.Context, tell func(grant.Event)) error {
	return s.subscribe(ctx, channelGranted, subscriber{
		begun: func(time.Duration) { tell(grant.Event{}) },
		message: func(payload string) {
			if e, ok := parseGranted(payload); ok {
				tell(e)
			}
		},
	})
}

// parseGranted reads a message. One that a later version writes may say more.
func parseGranted(payload string) (e grant.Event, ok bool) {
	word, rest, _ := strings.Cut(payload, " ")
	token, rest, _ := strings.Cut(rest, " ")
	when, rest, _ := strings.Cut(rest, " ")
	ms, err := strconv.ParseInt(when, 10, 64)
	if err != nil || token == "" {
		return e, false
	}
	at := time.UnixMilli(ms)
	if word == wordEnd {
		return grant.Event{Ending: &grant.Ending{TokenHash: token, At: at}}, true
	}
	network, item, ok := parseWhere(rest)
	switch {
	case !ok:
		return e, false
	case word == wordGrant:
		return grant.Event{Grant: &grant.Grant{TokenHash: token, Network: network, Item: item, At: at}}, true
	case word == wordOpen:
		return grant.Event{Opening: &grant.Opening{TokenHash: token, Network: network, Item: item, At: at}}, true
	}
	return e, false
}

// where writes what a grant is for.
func where(network netip.Prefix, item string) string {
	if item == "" {
		return network.String()
	}
	return network.String() + " " + item
}

func parseWhere(s string) (network netip.Prefix, item string, ok bool) {
	text, item, _ := strings.Cut(s, " ")
	network, err := netip.ParsePrefix(text)
	return network, item, err == nil
}

// moment is the time of a score.
func moment(score float64) time.Time { return time.UnixMilli(int64(score)) }

// KEYS grants, ended; ARGV prefix of tokens, channel, age, how many are kept, how
// many of one token, how long after its end a token grants nothing, what is too
// old; then token, time, and network with or without item, for each grant. Times
// are in ms.
const luaPutGrants = `
for i = 8, #ARGV, 3 do
  local token, at, member = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local ended = redis.call('ZSCORE', KEYS[2], token)
  if not ended or tonumber(at) >= tonumber(ended) + tonumber(ARGV[6]) then
    local key = ARGV[1] .. token
    local known = redis.call('ZSCORE', key, member)
    if not known or tonumber(known) < tonumber(at) then
      redis.call('ZADD', key, at, member)
      redis.call('ZADD', KEYS[1], at, token .. ' ' .. member)
    end
    redis.call('PEXPIRE', key, ARGV[3])
    while redis.call('ZCARD', key) > tonumber(ARGV[5]) do
      local oldest = redis.call('ZRANGE', key, 0, 0)[1]
      redis.call('ZREM', key, oldest)
      redis.call('ZREM', KEYS[1], token .. ' ' .. oldest)
    end
    redis.call('PUBLISH', ARGV[2], 'grant ' .. token .. ' ' .. at .. ' ' .. member)
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[7])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[4]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`

// KEYS token, grants, ended; ARGV token, time, channel, age, how many are kept, how
// long after its end a token grants nothing, what is too old. Times are in ms.
const luaEndGrants = `
local known = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not known or tonumber(known) < tonumber(ARGV[2]) then redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[7])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - tonumber(ARGV[5]))
redis.call('PEXPIRE', KEYS[3], ARGV[4])
local void = string.format('(%.0f', tonumber(ARGV[2]) + tonumber(ARGV[6]))
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', void)) do
  redis.call('ZREM', KEYS[2], ARGV[1] .. ' ' .. member)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', void)
redis.call('PUBLISH', ARGV[3], 'end ' .. ARGV[1] .. ' ' .. ARGV[2])
return 1`
