//go:build linux

package gate

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/muster-log/muster/release"
)

// Execute becomes the command: as its user and group alone, with its environment
// alone, without a way to more privileges. It returns only when that fails. A process
// that is not root can run commands of its own user.
func Execute(c *release.Command) error {
	// Some of what follows is of a thread, and this one executes.
	runtime.LockOSThread()
	if os.Geteuid() == 0 {
		if err := syscall.Setgroups([]int{int(c.GroupID)}); err != nil {
			return fmt.Errorf("setgroups: %w", err)
		}
		if err := syscall.Setgid(int(c.GroupID)); err != nil {
			return fmt.Errorf("setgid: %w", err)
		}
		if err := syscall.Setuid(int(c.UserID)); err != nil {
			return fmt.Errorf("setuid: %w", err)
		}
	} else if os.Geteuid() != int(c.UserID) || os.Getegid() != int(c.GroupID) {
		return fmt.Errorf("the command runs as user %d, group %d: only root can become that", c.UserID, c.GroupID)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	directory := c.Directory
	if directory == "" {
		directory = "/"
	}
	if err := os.Chdir(directory); err != nil {
		return err
	}
	environment := make([]string, 0, len(c.Environment))
	for _, name := range slices.Sorted(maps.Keys(c.Environment)) {
		environment = append(environment, name+"="+c.Environment[name])
	}
	err := syscall.Exec(c.Path, append([]string{c.Path}, c.Arguments...), environment)
	return fmt.Errorf("execute %s: %w", c.Path, err)
}
