package images

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/jsonstream"
)

const (
	// progressGap is the time between two lines about one pull. Short pulls
	// show none.
	progressGap = 10 * time.Second
	// quietLines is how many of them are left out while nothing changes.
	quietLines = 6
)

// progress makes few lines of the many messages of a pull. A long pull shows a
// line every ten seconds while it gets on, and one a minute while it does not.
type progress struct {
	name string
	now  func() time.Time
	log  io.Writer

	mu      sync.Mutex
	layers  map[string]layer
	changed time.Time // the last time a message said something new
	shown   string
	quiet   int
}

// layer is one layer of the image.
type layer struct {
	status         string
	current, total int64 // bytes of the download
	there          bool  // unpacked, or it was here already
}

func newProgress(name string, now func() time.Time, log io.Writer) *progress {
	return &progress{name: name, now: now, log: log, layers: map[string]layer{}, changed: now()}
}

// take reads one message.
func (p *progress) take(m jsonstream.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = p.now()
	if m.ID == "" {
		return
	}
	l := p.layers[m.ID]
	l.status = m.Status
	switch m.Status {
	case "Pulling fs layer", "Waiting", "Verifying Checksum", "Extracting":
	case "Downloading":
		if m.Progress != nil {
			l.current, l.total = m.Progress.Current, max(m.Progress.Total, m.Progress.Current)
		}
	case "Download complete":
		l.current = l.total
	case "Pull complete", "Already exists":
		l.current, l.there = l.total, true
	default:
		return // not of a layer: "Pulling from …" has the tag as its id
	}
	p.layers[m.ID] = l
}

// watch writes lines and looks for a stall until stop is called; stop returns
// when nothing is written any more.
func (p *progress) watch(stalled func()) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progressGap)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				if p.tick() >= stallLimit {
					stalled()
					return
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

// tick shows how the pull stands when there is something to show, and tells
// for how long nothing has been heard of it.
func (p *progress) tick() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	silent := p.now().Sub(p.changed)
	text := p.text()
	p.quiet++
	if text == p.shown && p.quiet < quietLines {
		return silent
	}
	if text == p.shown {
		line(p.log, "%s: %s, nothing new for %s", p.name, text, silent.Round(time.Second))
	} else {
		line(p.log, "%s: %s", p.name, text)
	}
	p.shown, p.quiet = text, 0
	return silent
}

func (p *progress) text() string {
	if len(p.layers) == 0 {
		return "waiting for the registry"
	}
	var there int
	var current, total int64
	for _, l := range p.layers {
		if l.there {
			there++
		}
		current += l.current
		total += l.total
	}
	text := fmt.Sprintf("%d of %d layers", there, len(p.layers))
	if total > 0 {
		text += fmt.Sprintf(", %s of %s", units.HumanSize(float64(current)), units.HumanSize(float64(total)))
	}
	return text
}
