package policy

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/docker/cli/opts"
	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"

	"multirunner/common"
)

// asked is what a workflow asks for and a limit is held against. 0 is nothing.
type asked struct {
	memory, shm int64
	cpus        int64 // billionths
	pids        *int64
	noHealth    bool
}

func (m *maker) setMemory(value string) error {
	n, err := bytes(value)
	if err == nil && n < int64(common.MinMemory) {
		return fmt.Errorf("is below %s, the least that engines take", common.MinMemory)
	}
	m.asked.memory = n
	return err
}

func (m *maker) setShmSize(value string) (err error) {
	m.asked.shm, err = bytes(value)
	return err
}

func bytes(value string) (int64, error) {
	n, err := units.RAMInBytes(value)
	if err != nil || n <= 0 {
		return 0, errors.New("is not a size, write for example 512m or 2g")
	}
	return n, nil
}

func (m *maker) setCPUs(value string) error {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0.01 && n <= 1e6) {
		return errors.New("is not a number of processors of at least 0.01")
	}
	m.asked.cpus = nano(n)
	return nil
}

// setPidsLimit takes 0 and -1 for no limit, as engines do.
func (m *maker) setPidsLimit(value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < -1 {
		return errors.New("is not a number of processes")
	}
	m.asked.pids = &n
	return nil
}

// resources sets the limits: what the workflow asks for, else the operator's,
// else the most that a workflow could ask for.
func (m *maker) resources() {
	d, host := m.docker, &m.out.Host
	memory, cpus, pids, shm := d.Memory, d.CPUs, d.PidsLimit, d.ShmSize
	if m.req.Kind == Service {
		memory, cpus, pids, shm = d.ServiceMemory, d.ServiceCPUs, d.ServicePidsLimit, d.ServiceShmSize
	}

	host.Memory = first(m.asked.memory, int64(memory), int64(d.MaxMemory))
	if m.over(m.asked.memory, int64(d.MaxMemory)) {
		m.fail("options", "--memory: %v", tooMuch{size(m.asked.memory), size(int64(d.MaxMemory)), "max_memory"})
	}
	if host.MemorySwap == 0 {
		host.MemorySwap = host.Memory // no swap beside it
	}

	host.ShmSize = first(m.asked.shm, int64(shm))
	if m.over(m.asked.shm, int64(d.MaxShmSize)) {
		m.fail("options", "--shm-size: %v", tooMuch{size(m.asked.shm), size(int64(d.MaxShmSize)), "max_shm_size"})
	}

	if host.CPUQuota == 0 { // which says the same
		host.NanoCPUs = first(m.asked.cpus, nano(cpus), nano(d.MaxCPUs))
	} else if m.asked.cpus > 0 {
		m.fail("options", "--cpus and --cpu-quota: keep one of them")
	}
	if m.over(m.asked.cpus, nano(d.MaxCPUs)) {
		m.fail("options", "--cpus: %v", tooMuch{number(float64(m.asked.cpus) / 1e9), number(d.MaxCPUs), "max_cpus"})
	}

	most := int64(d.MaxPidsLimit)
	limit := first(int64(pids), most)
	if m.asked.pids != nil {
		limit = *m.asked.pids
		if most > 0 && (limit <= 0 || limit > most) {
			m.fail("options", "--pids-limit: %v", tooMuch{processes(limit), processes(most), "max_pids_limit"})
		}
		if limit == 0 {
			limit = -1
		}
	}
	if limit != 0 {
		host.PidsLimit = &limit
	}
}

func (m *maker) over(asked, most int64) bool { return most > 0 && asked > most }

// first gives the first that is not 0.
func first(values ...int64) int64 {
	for _, v := range values {
		if v != 0 {
			return v
		}
	}
	return 0
}

func nano(cpus float64) int64 { return int64(math.Round(cpus * 1e9)) }

func size(n int64) string { return common.Size(n).String() }

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func processes(n int64) string {
	if n <= 0 {
		return "any number of processes"
	}
	return fmt.Sprintf("%d processes", n)
}

func (m *maker) setMemoryReservation(value string) (err error) {
	m.out.Host.MemoryReservation, err = bytes(value)
	return err
}

func (m *maker) setMemorySwap(value string) (err error) {
	if value == "-1" {
		m.out.Host.MemorySwap = -1
		return nil
	}
	m.out.Host.MemorySwap, err = bytes(value)
	return err
}

func (m *maker) setMemorySwappiness(value string) error {
	n, err := whole(value, 0, 100)
	m.out.Host.MemorySwappiness = &n
	return err
}

func (m *maker) setOOMScore(value string) error {
	n, err := whole(value, -1000, 1000)
	m.out.Host.OomScoreAdj = int(n)
	return err
}

func (m *maker) setCPUShares(value string) (err error) {
	m.out.Host.CPUShares, err = whole(value, 2, 262144)
	return err
}

func (m *maker) setCPUPeriod(value string) (err error) {
	m.out.Host.CPUPeriod, err = whole(value, 1000, 1000000)
	return err
}

func (m *maker) setCPUQuota(value string) (err error) {
	m.out.Host.CPUQuota, err = whole(value, 1000, math.MaxInt64)
	return err
}

func (m *maker) setCPURealtimePeriod(value string) (err error) {
	m.out.Host.CPURealtimePeriod, err = whole(value, 0, math.MaxInt64)
	return err
}

func (m *maker) setCPURealtimeRuntime(value string) (err error) {
	m.out.Host.CPURealtimeRuntime, err = whole(value, 0, math.MaxInt64)
	return err
}

func (m *maker) setBlkioWeight(value string) error {
	n, err := whole(value, 10, 1000)
	m.out.Host.BlkioWeight = uint16(n)
	return err
}

func (m *maker) addBlkioWeightDevice(value string) error {
	device, err := opts.ValidateWeightDevice(value)
	if err == nil {
		m.out.Host.BlkioWeightDevice = append(m.out.Host.BlkioWeightDevice, device)
	}
	return err
}

// throttle is for the options that slow a device down.
func throttle(name string) func(*maker, string) error {
	return func(m *maker, value string) error {
		validate := opts.ValidateThrottleBpsDevice
		host := &m.out.Host
		to := &host.BlkioDeviceReadBps
		switch name {
		case "device-read-iops":
			validate, to = opts.ValidateThrottleIOpsDevice, &host.BlkioDeviceReadIOps
		case "device-write-bps":
			to = &host.BlkioDeviceWriteBps
		case "device-write-iops":
			validate, to = opts.ValidateThrottleIOpsDevice, &host.BlkioDeviceWriteIOps
		}
		device, err := validate(value)
		if err == nil {
			*to = append(*to, device)
		}
		return err
	}
}

func whole(value string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil:
		return 0, errors.New("is not a whole number")
	case n < least || n > most:
		return 0, fmt.Errorf("must be between %d and %d", least, most)
	}
	return n, nil
}

func (m *maker) addUlimit(value string) error {
	limit, err := units.ParseUlimit(value)
	if err != nil {
		return err
	}
	m.out.Host.Ulimits = append(m.out.Host.Ulimits, &container.Ulimit{Name: limit.Name, Hard: limit.Hard, Soft: limit.Soft})
	return nil
}
