package commands

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"multirunner/common"
)

const (
	logLevelFlag  = "log-level"
	logFormatFlag = "log-format"
)

// logFlags are taken by the program and by each verb. Only the program's have
// environment variables, so that these never win over a flag.
func logFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: logLevelFlag, Usage: "what is logged: trace, debug, info, warn or error, from `LEVEL` on"},
		&cli.StringFlag{Name: logFormatFlag, Usage: "how it is logged: `FORMAT` is text or json"},
	}
}

// Log makes the logger of a verb: to standard error, as the flags say. config
// says what holds without flags; it may be nil.
func (e *Env) Log(c *cli.Context, config *common.Config) (*logrus.Logger, error) {
	log := logrus.New()
	if err := e.ConfigureLog(c, log, config); err != nil {
		return nil, err
	}
	return log, nil
}

// ConfigureLog sets a logger to what flags and configuration say, after a
// reload too. On an error it stays as it is.
func (e *Env) ConfigureLog(c *cli.Context, log *logrus.Logger, config *common.Config) error {
	if config == nil {
		config = common.DefaultConfig()
	}
	level, err := logrus.ParseLevel(flagOr(c, logLevelFlag, config.LogLevel))
	if err != nil {
		return fmt.Errorf("--%s: %q is none of trace, debug, info, warn and error", logLevelFlag, flagOr(c, logLevelFlag, config.LogLevel))
	}
	var formatter logrus.Formatter
	switch format := flagOr(c, logFormatFlag, config.LogFormat); format {
	case "text":
		formatter = &logrus.TextFormatter{
			FullTimestamp: true,
			ForceColors:   e.colours(),
			DisableColors: !e.colours(),
		}
	case "json":
		formatter = &logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano}
	default:
		return fmt.Errorf("--%s: %q is neither text nor json", logFormatFlag, format)
	}
	log.SetOutput(e.Stderr)
	log.SetFormatter(formatter)
	log.SetLevel(level)
	return nil
}

// colours are for people who look on, and want them.
func (e *Env) colours() bool {
	return e.IsTerminal() && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
}

// flagOr gives a flag that the program and the verb have both, the verb's
// first, or else the other value. Context.String would give the verb's even
// where only the program's is set.
func flagOr(c *cli.Context, name, otherwise string) string {
	for _, level := range c.Lineage() {
		if level.Command != nil && slices.Contains(level.LocalFlagNames(), name) {
			return strings.ToLower(level.String(name))
		}
	}
	return otherwise
}
