package store

import "github.com/redis/go-redis/v9"

// scripts are the changes that must happen as a whole. Each may be sent twice,
// when an answer got lost on the way: the second time it finds its own mark and
// answers as the first time.
type scripts struct {
	keyCheck, putPending, activate, claim, spend, release, putName, reset *redis.Script
	charge, refund, settle                                                *redis.Script
	putSession, endSession, endToken                                      *redis.Script
	putGrants, endGrants                                                  *redis.Script
	putIssued, touchIssued, forgetIssued, endIssued, endedIssued          *redis.Script
	putAppPassword, useAppPassword, dropAppPassword, putKept, dropKept    *redis.Script
	putConnect                                                            *redis.Script
}

func newScripts() scripts {
	return scripts{
		keyCheck:   redis.NewScript(luaKeyCheck),
		putPending: redis.NewScript(luaPutPending),
		activate:   redis.NewScript(luaActivate),
		claim:      redis.NewScript(luaClaim),
		spend:      redis.NewScript(luaSpend),
		release:    redis.NewScript(luaRelease),
		putName:    redis.NewScript(luaPutName),
		reset:      redis.NewScript(luaReset),
		charge:     redis.NewScript(luaCharge),
		refund:     redis.NewScript(luaRefund),
		settle:     redis.NewScript(luaSettle),
		putSession: redis.NewScript(luaPutSession),
		endSession: redis.NewScript(luaEndSession),
		endToken:   redis.NewScript(luaEndToken),
		putGrants:  redis.NewScript(luaPutGrants),
		endGrants:  redis.NewScript(luaEndGrants),

		putIssued:       redis.NewScript(luaPutIssued),
		touchIssued:     redis.NewScript(luaTouchIssued),
		forgetIssued:    redis.NewScript(luaForgetIssued),
		endIssued:       redis.NewScript(luaEndIssued),
		endedIssued:     redis.NewScript(luaEndedIssued),
		putAppPassword:  redis.NewScript(luaPutAppPassword),
		useAppPassword:  redis.NewScript(luaUseAppPassword),
		dropAppPassword: redis.NewScript(luaDropAppPassword),
		putKept:         redis.NewScript(luaPutKept),
		dropKept:        redis.NewScript(luaDropKept),
		putConnect:      redis.NewScript(luaPutConnect),
	}
}

// KEYS key-check; ARGV mark. Whoever comes first decides.
const luaKeyCheck = `
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])`

// KEYS pending; ARGV id, record, ttl in ms, id of the factor it replaces.
const luaPutPending = `
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'record', ARGV[2], 'replaces', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`

// KEYS user, pending, enrolled; ARGV user id, pending id, step, factor, spender.
// Answers 1 done, 0 spent, -1 nothing pending.
const luaActivate = `
if redis.call('HGET', KEYS[1], 'spender') == ARGV[5] then return 1 end
if redis.call('HGET', KEYS[2], 'id') ~= ARGV[2] then return -1 end
local now = redis.call('HGET', KEYS[1], 'factor-id') or ''
if redis.call('HGET', KEYS[2], 'replaces') ~= now then return -1 end
local highest = redis.call('HGET', KEYS[1], 'step')
if highest and tonumber(highest) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'factor', ARGV[4], 'factor-id', ARGV[2], 'step', ARGV[3], 'spender', ARGV[5])
redis.call('DEL', KEYS[2])
redis.call('SADD', KEYS[3], ARGV[1])
return 1`

// KEYS user, claim; ARGV step, claim, ttl in ms. Answers 1 claimed, 0 spent.
const luaClaim = `
local highest = redis.call('HGET', KEYS[1], 'step')
if highest and tonumber(highest) >= tonumber(ARGV[1]) then return 0 end
if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return 1 end
if redis.call('GET', KEYS[2]) == ARGV[2] then return 1 end
return 0`

// KEYS user, claim; ARGV step, claim. Answers 1 spent by us, 0 by others.
const luaSpend = `
local highest = redis.call('HGET', KEYS[1], 'step')
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[2] then redis.call('DEL', KEYS[2]) end
if highest and tonumber(highest) >= tonumber(ARGV[1]) then
  if redis.call('HGET', KEYS[1], 'spender') == ARGV[2] then return 1 end
  return 0
end
if holder and holder ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'step', ARGV[1], 'spender', ARGV[2])
return 1`

// KEYS claim; ARGV claim.
const luaRelease = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`

// KEYS user, names; ARGV user id, name, folded name.
const luaPutName = `
local old = redis.call('HGET', KEYS[1], 'folded')
if old and old ~= ARGV[3] and redis.call('HGET', KEYS[2], old) == ARGV[1] then
  redis.call('HDEL', KEYS[2], old)
end
redis.call('HSET', KEYS[1], 'name', ARGV[2], 'folded', ARGV[3])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[1])
return 1`

// KEYS user, pending, enrolled, known, tries others; ARGV user id, prefix of the
// tries of one network.
const luaReset = `
redis.call('HDEL', KEYS[1], 'factor', 'factor-id')
redis.call('DEL', KEYS[2], KEYS[5])
redis.call('SREM', KEYS[3], ARGV[1])
for _, network in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  redis.call('DEL', ARGV[2] .. network)
end
return 1`

// KEYS network, known, home, others (the last three for a user only);
// ARGV try, now, network, free, burst, memory, longest wait, lock, known, kept,
// age of home tries, whether to charge the network (1 or 0), age of other tries
// (0: for ever), waits after free, free+1, … failures. Times are in ms.
// Answers {scope, wait, locked}: nothing is charged if one has to wait.
const luaCharge = `
local try, now, free, burst, memory = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local function has(key) return redis.call('ZSCORE', key, try) end
local function wait(key)
  if has(key) then return 0 end
  local raw = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  if #raw == 0 then return 0 end
  local last = tonumber(raw[#raw])
  local times = {}
  for i = 2, #raw, 2 do
    local t = tonumber(raw[i])
    if last - t < memory then times[#times + 1] = t end
  end
  for i = free, #times do
    if times[i] - times[i - free + 1] < burst then
      local after = tonumber(ARGV[14 + #times - free] or ARGV[7])
      return math.min(after, math.max(0, last + after - now))
    end
  end
  return 0
end
local scope, key, longest = 0, nil, 0
if ARGV[12] == '1' then longest = wait(KEYS[1]) end
if #KEYS > 1 then
  scope, key = 2, KEYS[4]
  local since = redis.call('ZSCORE', KEYS[2], ARGV[3])
  if since and now - tonumber(since) < tonumber(ARGV[9]) then scope, key = 1, KEYS[3] end
  if not has(key) and redis.call('ZCARD', key) >= tonumber(ARGV[8]) then return {0, 0, 1} end
  longest = math.max(longest, wait(key))
end
if longest > 0 then return {0, longest, 0} end
if ARGV[12] == '1' and not has(KEYS[1]) then
  redis.call('ZADD', KEYS[1], ARGV[2], try)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - memory))
  redis.call('PEXPIRE', KEYS[1], ARGV[10])
end
if key and not has(key) then
  redis.call('ZADD', key, ARGV[2], try)
  local age = ARGV[13]
  if scope == 1 then age = ARGV[11] end
  if age ~= '0' then redis.call('PEXPIRE', key, age) end
end
return {scope, 0, 0}`

// KEYS counters; ARGV try.
const luaRefund = `
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
return 1`

// KEYS network, known, home, the scope's; ARGV try, its time, network, now, when
// a network stops being known, how long it is, how many are kept. Times are in ms.
const luaSettle = `
redis.call('ZREM', KEYS[1], ARGV[1])
for i = 3, 4 do
  redis.call('ZREM', KEYS[i], ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[2])
end
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[7]))
redis.call('PEXPIRE', KEYS[2], ARGV[6])
return 1`

// KEYS session, token or nothing; ARGV id, record, token hash, ttl in ms.
const luaPutSession = `
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'token', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if KEYS[2] then
  redis.call('SADD', KEYS[2], ARGV[1])
  if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[2], ARGV[4])
  end
end
return 1`

// KEYS session; ARGV id, prefix of tokens, channel.
const luaEndSession = `
local token = redis.call('HGET', KEYS[1], 'token')
if token and token ~= '' then redis.call('SREM', ARGV[2] .. token, ARGV[1]) end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1`

// KEYS token; ARGV prefix of sessions, channel.
const luaEndToken = `
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  redis.call('DEL', ARGV[1] .. id)
  redis.call('PUBLISH', ARGV[2], id)
end
redis.call('DEL', KEYS[1])
return 1`
