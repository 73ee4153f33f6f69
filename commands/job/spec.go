package job

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"multirunner/common"
)

// specMax bounds a JobSpec: a payload with its secrets is far smaller.
const specMax = 64 << 20

// WriteSpec hands a spec to a job process: its length (4 bytes, little
// endian), then JSON.
func WriteSpec(w io.Writer, spec *common.JobSpec) error {
	data, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("job spec: %w", err)
	}
	if len(data) > specMax {
		return fmt.Errorf("job spec: %d bytes, at most %d are allowed", len(data), specMax)
	}
	frame := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(data)), uint32(len(data)))
	if _, err := w.Write(append(frame, data...)); err != nil {
		return fmt.Errorf("job spec: %w", err)
	}
	return nil
}

// ReadSpec reads what WriteSpec wrote. An incomplete spec is an error: its
// supervisor died while writing, and the next one closes the task.
func ReadSpec(r io.Reader) (*common.JobSpec, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("job spec: %w", err)
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size > specMax {
		return nil, fmt.Errorf("job spec: %d bytes announced, at most %d are allowed", size, specMax)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("job spec: %w", errors.Join(io.ErrUnexpectedEOF, err))
	}
	spec := new(common.JobSpec)
	if err := common.DecodeVersioned("job spec", data, common.JobSpecVersion, spec); err != nil {
		return nil, err
	}
	return spec, nil
}
