package jellyfintest

import (
	"net/http"
)

// itemDTO is a film or a song, as much of it as clients need to show and play it.
type itemDTO struct {
	Name              string
	ServerID          string `json:"ServerId"`
	ID                string `json:"Id"`
	Etag              string
	DateCreated       string
	CanDelete         bool
	CanDownload       bool
	Container         string
	SortName          string
	MediaSources      []mediaSource
	RunTimeTicks      int64
	ProductionYear    int
	IsFolder          bool
	Type              string
	UserData          userData
	ImageTags         map[string]string
	BackdropImageTags []string
	MediaType         string
}

type userData struct {
	PlaybackPositionTicks int64
	PlayCount             int
	IsFavorite            bool
	Played                bool
	Key                   string
	ItemID                string `json:"ItemId"`
}

type mediaSource struct {
	Protocol             string
	ID                   string `json:"Id"`
	Path                 string
	Type                 string
	Container            string
	Size                 int64
	Name                 string
	IsRemote             bool
	ETag                 string
	RunTimeTicks         int64
	SupportsTranscoding  bool
	SupportsDirectStream bool
	SupportsDirectPlay   bool
	IsInfiniteStream     bool
	RequiresOpening      bool
	RequiresClosing      bool
	MediaStreams         []mediaStream
}

type mediaStream struct {
	Codec     string
	Type      string
	Index     int
	IsDefault bool
}

func (c *call) source(id string) mediaSource {
	m := mediaSource{
		Protocol: "File", ID: id, Path: "/media/movies/Alpha Test (2001)/Alpha Test (2001).mp4", Type: "Default",
		Container: "mp4", Size: c.st.videoSize, Name: "Alpha Test (2001)", ETag: "903a65bed8b39e20fb7ef01271e077a2",
		RunTimeTicks: 200000000, SupportsTranscoding: true, SupportsDirectStream: true, SupportsDirectPlay: true,
		MediaStreams: []mediaStream{{"h264", "Video", 0, true}, {"aac", "Audio", 1, true}, {"subrip", "Subtitle", 2, false}},
	}
	if id == SongID {
		m.Path, m.Name, m.Container, m.Size = "/media/music/Song.mp3", "Song", "mp3", songSize
		m.MediaStreams = []mediaStream{{"mp3", "Audio", 0, true}}
	}
	return m
}

func (c *call) itemDTO(id string) itemDTO {
	source := c.source(id)
	dto := itemDTO{
		Name: source.Name, ServerID: c.st.serverID, ID: id, Etag: source.ETag, DateCreated: stamp(mediaDate), CanDownload: true,
		Container: source.Container, SortName: source.Name, MediaSources: []mediaSource{source}, RunTimeTicks: source.RunTimeTicks,
		ProductionYear: 2001, Type: "Movie", MediaType: "Video",
		UserData:  userData{Key: id, ItemID: emptyID},
		ImageTags: map[string]string{"Primary": source.ETag}, BackdropImageTags: []string{},
	}
	if id == SongID {
		dto.Type, dto.MediaType = "Audio", "Audio"
	}
	return dto
}

func (c *call) getItem() {
	if id, ok := c.item("itemId"); ok {
		c.json(http.StatusOK, c.itemDTO(id))
	}
}

// listItems lists all there is.
func (c *call) listItems() {
	c.json(http.StatusOK, listOf([]itemDTO{c.itemDTO(MovieID), c.itemDTO(SongID)}))
}

func (c *call) latestItems() { c.json(http.StatusOK, []itemDTO{c.itemDTO(MovieID)}) }

type view struct {
	Name           string
	ServerID       string `json:"ServerId"`
	ID             string `json:"Id"`
	IsFolder       bool
	Type           string
	CollectionType string
}

func (c *call) userViews() {
	c.json(http.StatusOK, listOf([]view{
		{"Movies", c.st.serverID, "f137a2dd21bbc1b99aa5c0f6bf02a805", true, "CollectionFolder", "movies"},
		{"Music", c.st.serverID, "7e64e319657a9516ec78490da03edccb", true, "CollectionFolder", "music"},
	}))
}

// about answers what belongs to an item and is none: an empty list.
func (c *call) about(param string) {
	if _, ok := c.item(param); ok {
		c.json(http.StatusOK, listOf[itemDTO](nil))
	}
}

func (c *call) aboutItem() { c.about("itemId") }

func (c *call) themeMedia() {
	if _, ok := c.item("itemId"); !ok {
		return
	}
	type result struct {
		OwnerID string `json:"OwnerId"`
		list[itemDTO]
	}
	nothing := result{emptyID, listOf[itemDTO](nil)}
	c.json(http.StatusOK, struct{ ThemeVideosResult, ThemeSongsResult, SoundtrackSongsResult result }{nothing, nothing, nothing})
}

func (c *call) ancestors() {
	if _, ok := c.item("itemId"); ok {
		c.json(http.StatusOK, []itemDTO{})
	}
}

func (c *call) lyrics() {
	if _, ok := c.item("itemId"); ok {
		c.json(http.StatusOK, struct {
			Metadata struct{}
			Lyrics   []struct{ Text string }
		}{Lyrics: []struct{ Text string }{{"La"}}})
	}
}

func (c *call) emptyList() { c.json(http.StatusOK, listOf[itemDTO](nil)) }

func (c *call) displayPreferences() {
	if c.missing("client") {
		return
	}
	c.json(http.StatusOK, struct {
		ID               string `json:"Id"`
		SortBy           string
		RememberIndexing bool
		CustomPrefs      map[string]string
		SortOrder        string
		Client           string
	}{"3ce5b65de11673d1aaaa2b6f2a9dd66b", "SortName", false, map[string]string{}, "Ascending", c.query.get("client")})
}
