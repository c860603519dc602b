package desk_test

import (
	"os"
	"testing"

	"github.com/gatewright/gatewright/schema"
)

func TestMain(m *testing.M) {
	// Specs are evaluated in copies of this program, and this may be one of them.
	schema.WorkerMain()
	os.Exit(m.Run())
}
