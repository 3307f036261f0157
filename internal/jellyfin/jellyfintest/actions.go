package jellyfintest

import (
	"net/http"
)

// actionsOf lists the operations that have a behaviour of their own.
func actionsOf() map[string]func(*call) {
	return map[string]func(*call){
		actionHealth: (*call).health,

		"UserController.AuthenticateUserByName":       (*call).authenticateByName,
		"UserController.AuthenticateUser":             (*call).authenticateByID,
		"UserController.AuthenticateWithQuickConnect": (*call).quickRedeem,
		"UserController.ForgotPassword":               (*call).forgotPassword,
		"UserController.ForgotPasswordPin":            (*call).forgotPasswordPin,
		"UserController.GetCurrentUser":               (*call).currentUser,
		"UserController.GetUserById":                  (*call).userByID,
		"UserController.GetPublicUsers":               (*call).publicUsers,
		"UserController.GetUsers":                     (*call).allUsers,
		"UserController.CreateUserByName":             (*call).createUser,
		"UserController.DeleteUser":                   (*call).deleteUser,
		"UserController.UpdateUserPolicy":             (*call).updatePolicy,
		"UserController.UpdateUserPassword":           (*call).changePassword,
		"UserController.UpdateUserPasswordLegacy":     (*call).changePassword,

		"QuickConnectController.GetQuickConnectEnabled":     (*call).quickEnabled,
		"QuickConnectController.InitiateQuickConnect":       (*call).quickInitiate,
		"QuickConnectController.InitiateQuickConnectLegacy": (*call).quickInitiate,
		"QuickConnectController.GetQuickConnectState":       (*call).quickState,
		"QuickConnectController.AuthorizeQuickConnect":      (*call).quickAuthorize,

		"SystemController.GetPublicSystemInfo": (*call).getPublicInfo,
		"SystemController.GetSystemInfo":       (*call).getInfo,
		"SystemController.GetEndpointInfo":     (*call).endpointInfo,
		"SystemController.PingSystem":          (*call).ping,
		"SystemController.RestartApplication":  (*call).restart,
		"TimeSyncController.GetUtcTime":        (*call).utcTime,
		"ClientLogController.LogFile":          (*call).clientLog,

		"ConfigurationController.GetConfiguration":      (*call).configuration,
		"ConfigurationController.UpdateConfiguration":   (*call).setConfiguration,
		"ConfigurationController.GetNamedConfiguration": (*call).namedConfiguration,

		"SessionController.ReportSessionEnded":       (*call).logout,
		"SessionController.GetSessions":              (*call).listSessions,
		"SessionController.PostCapabilities":         (*call).noteSession,
		"SessionController.PostFullCapabilities":     (*call).noteReport,
		"PlaystateController.ReportPlaybackStart":    (*call).noteReport,
		"PlaystateController.ReportPlaybackProgress": (*call).noteReport,
		"PlaystateController.ReportPlaybackStopped":  (*call).noteReport,
		"DevicesController.GetDevices":               (*call).listDevices,
		"DevicesController.GetDeviceInfo":            (*call).deviceInfo,
		"DevicesController.DeleteDevice":             (*call).deleteDevice,
		"ApiKeyController.GetKeys":                   (*call).listKeys,
		"ApiKeyController.CreateKey":                 (*call).createKey,
		"ApiKeyController.RevokeKey":                 (*call).deleteKey,

		"StartupController.GetStartupConfiguration":    (*call).startupConfiguration,
		"StartupController.UpdateInitialConfiguration": (*call).noContent,
		"StartupController.SetRemoteAccess":            (*call).noContent,
		"StartupController.GetFirstUser":               (*call).startupUser,
		"StartupController.UpdateStartupUser":          (*call).updateStartupUser,
		"StartupController.CompleteWizard":             (*call).completeStartup,
		"EnvironmentController.GetDrives":              (*call).drives,
		"EnvironmentController.GetDirectoryContents":   (*call).directory,

		"BrandingController.GetBrandingOptions": (*call).brandingOptions,
		"BrandingController.GetBrandingCss":     (*call).brandingCSS,
		"ImageController.GetSplashscreen":       (*call).splashscreen,

		"VideosController.GetVideoStream":                  (*call).videoStream,
		"VideosController.GetVideoStreamByContainer":       (*call).videoStream,
		"AudioController.GetAudioStream":                   (*call).audioStream,
		"AudioController.GetAudioStreamByContainer":        (*call).audioStream,
		"UniversalAudioController.GetUniversalAudioStream": (*call).audioStream,
		"LibraryController.GetDownload":                    (*call).download,
		"LibraryController.GetFile":                        (*call).download,
		"DynamicHlsController.GetMasterHlsVideoPlaylist":   (*call).masterPlaylist,
		"DynamicHlsController.GetMasterHlsAudioPlaylist":   (*call).masterPlaylist,
		"DynamicHlsController.GetVariantHlsVideoPlaylist":  (*call).mainPlaylist,
		"DynamicHlsController.GetVariantHlsAudioPlaylist":  (*call).mainPlaylist,
		"DynamicHlsController.GetHlsVideoSegment":          (*call).hlsSegment,
		"DynamicHlsController.GetHlsAudioSegment":          (*call).hlsSegment,
		"HlsSegmentController.GetHlsVideoSegmentLegacy":    (*call).legacySegment,
		"HlsSegmentController.GetHlsAudioSegmentLegacy":    (*call).legacySegment,
		"SubtitleController.GetSubtitle":                   (*call).subtitle,
		"SubtitleController.GetSubtitleWithTicks":          (*call).subtitle,
		"MediaInfoController.GetBitrateTestBytes":          (*call).bitrateTest,
		"MediaInfoController.GetPlaybackInfo":              (*call).playbackInfo,
		"MediaInfoController.GetPostedPlaybackInfo":        (*call).postedPlaybackInfo,
		"TrickplayController.GetTrickplayTileImage":        (*call).trickplay,
		"LyricsController.GetLyrics":                       (*call).lyrics,
		"MediaSegmentsController.GetItemSegments":          (*call).aboutItem,

		"ImageController.GetItemImage":              (*call).itemImage,
		"ImageController.GetItemImageByIndex":       (*call).itemImage,
		"ImageController.GetItemImage2":             (*call).itemImage,
		"ImageController.GetArtistImage":            (*call).namedImage,
		"ImageController.GetGenreImage":             (*call).namedImage,
		"ImageController.GetGenreImageByIndex":      (*call).namedImage,
		"ImageController.GetMusicGenreImage":        (*call).namedImage,
		"ImageController.GetMusicGenreImageByIndex": (*call).namedImage,
		"ImageController.GetPersonImage":            (*call).namedImage,
		"ImageController.GetPersonImageByIndex":     (*call).namedImage,
		"ImageController.GetStudioImage":            (*call).namedImage,
		"ImageController.GetStudioImageByIndex":     (*call).namedImage,
		"ImageController.GetUserImage":              (*call).userImage,
		"ImageController.GetUserImageLegacy":        (*call).userImage,
		"ImageController.GetUserImageByIndexLegacy": (*call).userImage,

		"UserLibraryController.GetItem":                      (*call).getItem,
		"UserLibraryController.GetItemLegacy":                (*call).getItem,
		"UserLibraryController.GetIntros":                    (*call).aboutItem,
		"UserLibraryController.GetIntrosLegacy":              (*call).aboutItem,
		"UserLibraryController.GetLatestMedia":               (*call).latestItems,
		"UserLibraryController.GetLatestMediaLegacy":         (*call).latestItems,
		"ItemsController.GetItems":                           (*call).listItems,
		"ItemsController.GetItemsByUserIdLegacy":             (*call).listItems,
		"ItemsController.GetResumeItems":                     (*call).emptyList,
		"ItemsController.GetResumeItemsLegacy":               (*call).emptyList,
		"UserViewsController.GetUserViews":                   (*call).userViews,
		"UserViewsController.GetUserViewsLegacy":             (*call).userViews,
		"TvShowsController.GetNextUp":                        (*call).emptyList,
		"LiveTvController.GetRecommendedPrograms":            (*call).emptyList,
		"LibraryController.GetSimilarItems":                  (*call).aboutItem,
		"LibraryController.GetThemeMedia":                    (*call).themeMedia,
		"LibraryController.GetAncestors":                     (*call).ancestors,
		"LibraryController.GetItemCollections":               (*call).aboutItem,
		"DisplayPreferencesController.GetDisplayPreferences": (*call).displayPreferences,
	}
}

// generic answers an operation that has no behaviour here with the status that
// was recorded for it. Somebody who may do more than the user that was recorded
// gets a success.
func (c *call) generic() {
	rt := c.res.route
	if c.who.stranger() {
		c.empty(rt.stranger)
		return
	}
	status := rt.user
	bound := len(c.body) > 0 && (status == http.StatusUnsupportedMediaType || status == http.StatusBadRequest)
	switch {
	case status == 0, bound, status == http.StatusForbidden:
		status = http.StatusNoContent
		if rt.method == http.MethodGet {
			status = http.StatusOK
		}
	}
	switch {
	case status != http.StatusOK:
		c.empty(status)
	case isBare(rt.action):
		c.json(status, []string{})
	default:
		c.emptyList()
	}
}

// isBare reports whether an operation answers with a list that is not wrapped.
func isBare(action string) bool {
	switch action {
	case "ChannelsController.GetAllChannelFeatures", "LiveTvController.GetTunerHostTypes",
		"LocalizationController.GetCountries", "LocalizationController.GetCultures",
		"LocalizationController.GetLocalizationOptions", "LocalizationController.GetParentalRatings",
		"MoviesController.GetMovieRecommendations", "SubtitleController.GetFallbackFontList",
		"SyncPlayController.SyncPlayGetGroups", "UserViewsController.GetGroupingOptions":
		return true
	}
	return false
}
