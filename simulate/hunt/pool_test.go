package hunt

import (
	"testing"
	"testing/synctest"
	"time"
)

// A story that does not end is given up after its limit, and one that ended is not.
func TestPatience(t *testing.T) {
	t.Run("runs out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began, after := time.Now(), time.Duration(0)
			inTime := patience(2*time.Minute, func() { after = time.Since(began) })
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			if ended := inTime(); after != 2*time.Minute || ended {
				t.Errorf("given up after %s, in time %t", after, ended)
			}
		})
	})
	t.Run("is enough", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			inTime := patience(2*time.Minute, func() { t.Error("given up though it had ended") })
			time.Sleep(119 * time.Second)
			if !inTime() {
				t.Error("not in time")
			}
			time.Sleep(time.Hour)
		})
	})
}
