package service

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// plistTemplate is the launchd job. AbandonProcessGroup lets jobs outlive a
// crash of the runner; ExitTimeOut lets a stop drain, up to shutdown_timeout
// of the configuration; ProcessType keeps launchd from slowing builds down.
const plistTemplate = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>{name}</string>
	<key>ProgramArguments</key>
	<array>
{arguments}	</array>
{user}	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<true/>
	<key>ExitTimeOut</key>
	<integer>86400</integer>
	<key>AbandonProcessGroup</key>
	<true/>
	<key>ProcessType</key>
	<string>Interactive</string>
	<key>SoftResourceLimits</key>
	<dict>
		<key>NumberOfFiles</key>
		<integer>65536</integer>
	</dict>
	<key>HardResourceLimits</key>
	<dict>
		<key>NumberOfFiles</key>
		<integer>65536</integer>
	</dict>
	<key>StandardOutPath</key>
	<string>{log}</string>
	<key>StandardErrorPath</key>
	<string>{log}</string>
</dict>
</plist>
`

// plistText is the launchd job of a service. There is no {{ in it, whatever
// the values are: it may serve as a template of the library's.
func plistText(spec Spec) (string, error) {
	var arguments strings.Builder
	for _, arg := range append([]string{spec.Program}, spec.Arguments()...) {
		if !printable(arg) {
			return "", fmt.Errorf("%q cannot be written into a launchd job: control characters and what is not UTF-8 have no place there", arg)
		}
		arguments.WriteString("\t\t<string>" + plistEscape(arg) + "</string>\n")
	}
	user := ""
	if spec.User != "" {
		if !printable(spec.User) {
			return "", fmt.Errorf("--user %q cannot be the name of a user", spec.User)
		}
		user = "\t<key>UserName</key>\n\t<string>" + plistEscape(spec.User) + "</string>\n"
	}
	return strings.NewReplacer(
		"{name}", spec.Name, "{arguments}", arguments.String(), "{user}", user, "{log}", "/var/log/"+spec.Name+".log",
	).Replace(plistTemplate), nil
}

// plistArguments gives the arguments of the program that a launchd job starts.
func plistArguments(text []byte) ([]string, error) {
	var job struct {
		Dict struct {
			Items []struct {
				XMLName xml.Name
				Text    string   `xml:",chardata"`
				Strings []string `xml:"string"`
			} `xml:",any"`
		} `xml:"dict"`
	}
	if err := xml.Unmarshal(text, &job); err != nil {
		return nil, fmt.Errorf("launchd job: %w", err)
	}
	for i, item := range job.Dict.Items {
		if i > 0 && item.XMLName.Local == "array" && job.Dict.Items[i-1].Text == "ProgramArguments" && len(item.Strings) > 0 {
			return item.Strings[1:], nil
		}
	}
	return nil, errors.New("the launchd job has no ProgramArguments")
}

func plistEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;", "{", "&#123;").Replace(text)
}
