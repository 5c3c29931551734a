//go:build !linux

package acceptance_test

import (
	"errors"
	"testing"
)

func mountSmall(*testing.T, string, int64) string { return "this system has no tmpfs" }

func freeOn(string) (int64, error) { return 0, errors.New("not on this system") }
