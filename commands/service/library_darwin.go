package service

import (
	"os"
	"path/filepath"

	"github.com/kardianos/service"
)

// System is this machine, with launchd.
func System() Host {
	return Host{
		Manager: &library{
			configure: func(spec Spec, config *service.Config) error {
				text, err := plistText(spec)
				config.Option["LaunchdConfig"] = text
				return err
			},
			text:   plistText,
			finish: func(Spec) error { return nil },
			definition: func(name string) string {
				return filepath.Join("/Library/LaunchDaemons", name+".plist")
			},
		},
		Privileged:      os.Geteuid() == 0,
		DefaultStateDir: func(name string) string { return filepath.Join("/var/lib", name) },
	}
}
