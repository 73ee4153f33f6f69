package service

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

// System is this machine, with the service manager of Windows.
func System() Host {
	return Host{
		Manager: &library{
			configure: func(_ Spec, config *service.Config) error {
				config.Option[service.OnFailure] = service.OnFailureRestart
				config.Option[service.OnFailureDelayDuration] = "1s"
				config.Option[service.OnFailureResetPeriod] = 60
				return nil
			},
			text:       commandLine,
			finish:     restartAfterErrors,
			definition: func(name string) string { return `HKLM\SYSTEM\CurrentControlSet\Services\` + name },
		},
		Privileged: windows.GetCurrentProcessToken().IsElevated(),
		DefaultStateDir: func(name string) string {
			data := os.Getenv("ProgramData")
			if data == "" {
				data = `C:\ProgramData`
			}
			return filepath.Join(data, name)
		},
	}
}

// commandLine is what Windows starts.
func commandLine(spec Spec) (string, error) {
	words := []string{syscall.EscapeArg(spec.Program)}
	for _, arg := range spec.Arguments() {
		words = append(words, syscall.EscapeArg(arg))
	}
	return strings.Join(words, " ") + "\n", nil
}

// restartAfterErrors has the service restarted when it ends with an error too,
// not only when it crashes.
func restartAfterErrors(spec Spec) error {
	manager, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer manager.Disconnect()
	s, err := manager.OpenService(spec.Name)
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer s.Close()
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil {
		return fmt.Errorf("service manager: restarts after errors: %w", err)
	}
	return nil
}
