package schema

// Choice is yes or no where a spec may also say neither. It is not a pointer
// to a bool: specs leave the worker in encoding/gob, which takes a pointer to
// false for nil.
type Choice uint8

// The choices.
const (
	Unsaid Choice = iota
	No
	Yes
)

// choiceOf is the choice that was said.
func choiceOf(yes bool) Choice {
	if yes {
		return Yes
	}
	return No
}

// Or returns the choice, and byDefault where none was said.
func (c Choice) Or(byDefault bool) bool {
	if c == Unsaid {
		return byDefault
	}
	return c == Yes
}

// MarshalJSON writes true or false, and null for Unsaid.
func (c Choice) MarshalJSON() ([]byte, error) {
	switch c {
	case Yes:
		return []byte("true"), nil
	case No:
		return []byte("false"), nil
	case Unsaid:
	}
	return []byte("null"), nil
}
