package policy

// method is a known HTTP method's place in a node's rules.
type method uint8

const (
	methodGet method = iota
	methodHead
	methodPost
	methodPut
	methodPatch
	methodDelete
	methodOptions
	methodCount
	methodUnknown = methodCount
)

func (m method) String() string {
	switch m {
	case methodGet:
		return "GET"
	case methodHead:
		return "HEAD"
	case methodPost:
		return "POST"
	case methodPut:
		return "PUT"
	case methodPatch:
		return "PATCH"
	case methodDelete:
		return "DELETE"
	case methodOptions:
		return "OPTIONS"
	default:
		return ""
	}
}

// parseMethod reads a method in any ASCII case, as ASP.NET does.
func parseMethod(s string) method {
	for m := range methodCount {
		if equalFoldASCII(s, m.String()) {
			return m
		}
	}
	return methodUnknown
}
