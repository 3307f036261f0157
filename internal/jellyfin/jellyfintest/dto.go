package jellyfintest

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// stamp writes a time as Jellyfin does, in units of 100 ns.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

type userDTO struct {
	Name                      string
	ServerID                  string `json:"ServerId"`
	ID                        string `json:"Id"`
	HasPassword               bool
	HasConfiguredPassword     bool
	HasConfiguredEasyPassword bool
	EnableAutoLogin           bool
	LastLoginDate             string `json:",omitempty"`
	LastActivityDate          string `json:",omitempty"`
	Configuration             json.RawMessage
	Policy                    json.RawMessage
}

const userConfiguration = `{"PlayDefaultAudioTrack":true,"SubtitleLanguagePreference":"","DisplayMissingEpisodes":false,` +
	`"GroupedFolders":[],"SubtitleMode":"Default","DisplayCollectionsView":false,"EnableLocalPassword":false,` +
	`"OrderedViews":[],"LatestItemsExcludes":[],"MyMediaExcludes":[],"HidePlayedInLatest":true,` +
	`"RememberAudioSelections":true,"RememberSubtitleSelections":true,"EnableNextEpisodeAutoPlay":true,` +
	`"CastReceiverId":"F007D354"}`

const userPolicy = `{"IsAdministrator":%t,"IsHidden":%t,"EnableCollectionManagement":%[1]t,"EnableSubtitleManagement":%[1]t,` +
	`"EnableLyricManagement":%[1]t,"IsDisabled":%[3]t,"BlockedTags":[],"AllowedTags":[],"EnableUserPreferenceAccess":true,` +
	`"AccessSchedules":[],"BlockUnratedItems":[],"EnableRemoteControlOfOtherUsers":%[1]t,"EnableSharedDeviceControl":true,` +
	`"EnableRemoteAccess":%[4]t,"EnableLiveTvManagement":%[1]t,"EnableLiveTvAccess":true,"EnableMediaPlayback":true,` +
	`"EnableAudioPlaybackTranscoding":true,"EnableVideoPlaybackTranscoding":true,"EnablePlaybackRemuxing":true,` +
	`"ForceRemoteSourceTranscoding":false,"EnableContentDeletion":%[1]t,"EnableContentDeletionFromFolders":[],` +
	`"EnableContentDownloading":true,"EnableSyncTranscoding":true,"EnableMediaConversion":true,"EnabledDevices":[],` +
	`"EnableAllDevices":true,"EnabledChannels":[],"EnableAllChannels":true,"EnabledFolders":[],"EnableAllFolders":true,` +
	`"InvalidLoginAttemptCount":%[5]d,"LoginAttemptsBeforeLockout":%[6]d,"MaxActiveSessions":%[7]d,` +
	`"EnablePublicSharing":true,"BlockedMediaFolders":[],"BlockedChannels":[],"RemoteClientBitrateLimit":0,` +
	`"AuthenticationProviderId":"Jellyfin.Server.Implementations.Users.DefaultAuthenticationProvider",` +
	`"PasswordResetProviderId":"Jellyfin.Server.Implementations.Users.DefaultPasswordResetProvider",` +
	`"SyncPlayAccess":"CreateAndJoinGroups"}`

func (c *call) userDTO(a *account) userDTO {
	lockout := a.LockoutAfter
	if lockout == 0 {
		lockout = -1
	}
	has := a.hasPassword || c.s.opts.release == V12
	dto := userDTO{
		Name: a.Name, ServerID: c.st.serverID, ID: a.ID,
		HasPassword: has, HasConfiguredPassword: has,
		Configuration: json.RawMessage(userConfiguration),
		Policy:        json.RawMessage(fmt.Sprintf(userPolicy, a.Admin, a.Hidden, a.Disabled, !a.NoRemoteAccess, a.failures, lockout, a.MaxSessions)),
	}
	if !a.lastLogin.IsZero() {
		dto.LastLoginDate, dto.LastActivityDate = stamp(a.lastLogin), stamp(a.lastActive)
	}
	return dto
}

// liveSession is a session as GET /Sessions lists it: one for a client's name
// and a device id, whatever the token.
type liveSession struct {
	id         string
	device     Device
	remote     string
	lastActive time.Time
}

type sessionDTO struct {
	PlayState             json.RawMessage
	AdditionalUsers       []string
	Capabilities          json.RawMessage
	RemoteEndPoint        string `json:",omitempty"`
	PlayableMediaTypes    []string
	ID                    string `json:"Id"`
	UserID                string `json:"UserId"`
	UserName              string
	Client                string
	LastActivityDate      string
	LastPlaybackCheckIn   string
	DeviceName            string
	DeviceID              string `json:"DeviceId"`
	ApplicationVersion    string
	IsActive              bool
	SupportsMediaControl  bool
	SupportsRemoteControl bool
	NowPlayingQueue       []string
	NowPlayingQueueFull   *[]string `json:"NowPlayingQueueFullItems,omitempty"`
	HasCustomDeviceName   bool
	ServerID              string `json:"ServerId"`
	SupportedCommands     []string
}

const (
	playState    = `{"CanSeek":false,"IsPaused":false,"IsMuted":false,"RepeatMode":"RepeatNone","PlaybackOrder":"Default"}`
	capabilities = `{"PlayableMediaTypes":[],"SupportedCommands":[],"SupportsMediaControl":false,"SupportsPersistentIdentifier":true}`
)

func (c *call) sessionDTO(l *liveSession) sessionDTO {
	dto := sessionDTO{
		PlayState: json.RawMessage(playState), AdditionalUsers: []string{}, Capabilities: json.RawMessage(capabilities),
		RemoteEndPoint: l.remote, PlayableMediaTypes: []string{}, ID: l.id,
		UserID: l.device.UserID, UserName: l.device.UserName, Client: l.device.Client,
		LastActivityDate: stamp(l.lastActive), LastPlaybackCheckIn: "0001-01-01T00:00:00.0000000Z",
		DeviceName: l.device.Name, DeviceID: l.device.ID, ApplicationVersion: l.device.Version,
		IsActive: true, NowPlayingQueue: []string{}, ServerID: c.st.serverID, SupportedCommands: []string{},
	}
	if c.s.opts.release != V12 {
		dto.NowPlayingQueueFull = &[]string{}
	}
	return dto
}

// touch notes activity of a device's session, and opens it if there is none.
func (st *state) touch(d Device, a *account, remote string, now time.Time) *liveSession {
	key := d.Client + "\x00" + d.ID
	l := st.sessions[key]
	if l == nil {
		sum := md5.Sum([]byte(key))
		l = &liveSession{id: hex.EncodeToString(sum[:])}
		st.sessions[key] = l
	}
	d.UserID, d.UserName = a.ID, a.Name
	l.device, l.lastActive = d, now
	if remote != "" {
		l.remote = remote
	}
	return l
}

type deviceDTO struct {
	Name             string
	ID               string `json:"Id"`
	LastUserName     string
	AppName          string
	AppVersion       string
	LastUserID       string `json:"LastUserId"`
	DateLastActivity string
	Capabilities     json.RawMessage
}

// list is Jellyfin's QueryResult.
type list[T any] struct {
	Items            []T
	TotalRecordCount int
	StartIndex       int
}

func listOf[T any](items []T) list[T] {
	if items == nil {
		items = []T{}
	}
	return list[T]{Items: items, TotalRecordCount: len(items)}
}
