package dummy

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// program finds what a script's command does.
func program(name string) (func(in *interpreter, args []string) (int, error), bool) {
	switch name {
	case "true", ":", "set", "cd", "mkdir":
		return succeed, true
	case "false":
		return fail, true
	case "echo":
		return echo, true
	case "cat":
		return cat, true
	case "rm":
		return remove, true
	case "env", "printenv":
		return printEnv, true
	case "export":
		return export, true
	case "sleep":
		return sleep, true
	case "wait":
		return wait, true
	case "exit":
		return exits, true
	case "trap":
		return trap, true
	case "kill":
		return kill, true
	}
	return nil, false
}

func succeed(*interpreter, []string) (int, error) { return 0, nil }

func fail(*interpreter, []string) (int, error) { return 1, nil }

func echo(in *interpreter, args []string) (int, error) {
	end := "\n"
	if len(args) > 0 && args[0] == "-n" {
		args, end = args[1:], ""
	}
	_, _ = io.WriteString(in.stdout, strings.Join(args, " ")+end)
	return 0, nil
}

func cat(in *interpreter, args []string) (int, error) {
	for _, arg := range args {
		data, err := in.call.Executor.files.read(in.file(arg))
		if err != nil {
			return in.complain("cat", err), nil
		}
		_, _ = in.stdout.Write(data)
	}
	return 0, nil
}

func remove(in *interpreter, args []string) (int, error) {
	for _, arg := range args {
		in.call.Executor.files.remove(in.file(arg))
	}
	return 0, nil
}

// printEnv prints all variables, sorted, or the value of one.
func printEnv(in *interpreter, args []string) (int, error) {
	if len(args) == 0 {
		_, _ = io.WriteString(in.stdout, sorted(in.env))
		return 0, nil
	}
	value, ok := in.env[args[0]]
	if !ok {
		return 1, nil
	}
	_, _ = io.WriteString(in.stdout, value+"\n")
	return 0, nil
}

func export(in *interpreter, args []string) (int, error) {
	for _, arg := range args {
		if name, value, ok := strings.Cut(arg, "="); ok {
			in.env[name] = value
		}
	}
	return 0, nil
}

// sleep takes seconds, or a duration as Go writes it.
func sleep(in *interpreter, args []string) (int, error) {
	if len(args) != 1 {
		return in.complain("sleep", fmt.Errorf("one duration is wanted")), nil
	}
	d, err := time.ParseDuration(args[0])
	if seconds, floatErr := strconv.ParseFloat(args[0], 64); floatErr == nil {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil {
		return in.complain("sleep", err), nil
	}
	return in.sleep(time.After(d))
}

// wait waits for the background children of the script.
func wait(in *interpreter, _ []string) (int, error) {
	for _, ended := range in.children {
		until := make(chan time.Time)
		stop := make(chan struct{})
		go func() {
			select {
			case <-ended:
				close(until)
			case <-stop:
			}
		}()
		code, err := in.sleep(until)
		close(stop)
		if code != 0 || err != nil {
			return code, err
		}
	}
	in.children = nil
	return 0, nil
}

func exits(in *interpreter, args []string) (int, error) {
	code := in.code
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return in.complain("exit", err), exit(2)
		}
		code = n & 0xff
	}
	return code, exit(code)
}

// trap takes a text and the names of signals, INT and TERM.
func trap(in *interpreter, args []string) (int, error) {
	for _, name := range args[min(1, len(args)):] {
		if args[0] == "-" {
			delete(in.traps, name)
		} else {
			in.traps[name] = args[0]
		}
	}
	return 0, nil
}

// kill ends the script itself: kill -TERM $$.
func kill(in *interpreter, args []string) (int, error) {
	names := map[string]string{"-INT": "interrupt", "-TERM": "terminated", "-KILL": "killed", "-9": "killed"}
	name := "terminated"
	if len(args) == 2 {
		if name = names[args[0]]; name == "" {
			return in.complain("kill", fmt.Errorf("signal %s is not known", args[0])), nil
		}
	}
	return 0, signalled(name)
}

func (in *interpreter) complain(program string, err error) int {
	fmt.Fprintf(in.stderr, "dummy: %s: %v\n", program, err)
	return 1
}
