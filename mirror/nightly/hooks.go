package nightly

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// hookTime is how long a hook may run; one that hangs must not hold the store's
// lock until the next night.
const hookTime = 10 * time.Minute

// hooks runs on-publish after a publication, and on-failure after a failure or when
// something was withheld. A hook that fails is an error of its own; what was
// published stays.
func (n *night) hooks(ctx context.Context, failure error) error {
	var errs []string
	if n.report.Published && failure == nil {
		if err := runHook(ctx, "on-publish", n.Hooks.OnPublish); err != nil {
			errs = append(errs, err.Error())
		}
	}
	if failure != nil || n.report.Withheld() {
		if err := runHook(context.WithoutCancel(ctx), "on-failure", n.Hooks.OnFailure); err != nil {
			errs = append(errs, err.Error())
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%s", strings.Join(errs, "; "))
	}
	return nil
}

func runHook(ctx context.Context, name string, command []string) error {
	if len(command) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("hook %s (%s): %w: %s", name, command[0], err, strings.TrimSpace(string(out[:min(len(out), 500)])))
	}
	return nil
}
