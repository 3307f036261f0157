package policy

// CompileRules is [Compile] for another table than the program's.
func CompileRules(rules []Rule) (*Policy, error) { return compile(rules, Options{}) }
