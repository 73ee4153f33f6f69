package mask

import (
	"fmt"
	"strings"
	"testing"
)

// manySecrets are like what jobs have: tokens, passwords, a key in lines.
func manySecrets(n int) *Masker {
	m := New()
	for i := range n {
		switch i % 4 {
		case 0:
			m.Add(fmt.Sprintf("ghp_%036d", i*7919))
		case 1:
			m.Add(fmt.Sprintf("P@ss/w0rd %d&\"<>", i))
		case 2:
			m.Add(fmt.Sprintf("%x-%x", i*104729, i*1299709))
		case 3:
			m.Add("-----BEGIN KEY-----\n" + strings.Repeat(fmt.Sprintf("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC%032d\n", i), 25) + "-----END KEY-----\n")
		}
	}
	m.Mask("")
	return m
}

func buildLog(lines int) []string {
	log := make([]string, lines)
	for i := range log {
		switch i % 5 {
		case 0:
			log[i] = fmt.Sprintf("2026-01-02T03:04:05.%07dZ [%5d/200000] Building CXX object src/module%d/CMakeFiles/target.dir/file%d.cpp.o", i, i, i%97, i)
		case 1:
			log[i] = fmt.Sprintf("ok  \texample.com/project/internal/package%d\t%d.%03ds", i%300, i%10, i%1000)
		case 2:
			log[i] = fmt.Sprintf("npm WARN deprecated package-%d@%d.%d.0: Please upgrade to a newer version", i%500, i%9, i%20)
		case 3:
			log[i] = fmt.Sprintf("Downloading https://repo.example.com/maven2/org/example/lib-%d/1.%d/lib-%d-1.%d.jar sha256=%064x", i%400, i%30, i%400, i%30, i*2654435761)
		case 4:
			log[i] = "    at org.example.service.handler.RequestHandler.handle(RequestHandler.java:" + fmt.Sprint(i%900) + ")"
		}
	}
	return log
}

// One operation is a whole log; it must stay well below 0.1 s.
func BenchmarkMask200kLines20Secrets(b *testing.B) {
	m, log := manySecrets(20), buildLog(200_000)
	size := 0
	for _, line := range log {
		size += len(line)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range log {
			if m.Mask(line) != line {
				b.Fatal("masked")
			}
		}
	}
}

func BenchmarkStream200kLines20Secrets(b *testing.B) {
	m := manySecrets(20)
	log := []byte(strings.Join(buildLog(200_000), "\n"))
	s := m.Stream(func([]byte) {})
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := log; len(rest) > 0; {
			n := min(32<<10, len(rest))
			_, _ = s.Write(rest[:n])
			rest = rest[n:]
		}
	}
}

// The worst text: all of it nearly a secret.
func BenchmarkMaskHostile(b *testing.B) {
	m := withSecrets(strings.Repeat("a", 1000)+"b", strings.Repeat("a", 500)+"c")
	text := strings.Repeat("a", 100_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.Mask(text)
	}
}

func BenchmarkMaskNoSecrets(b *testing.B) {
	m := New()
	line := strings.Repeat("x", 100)
	for b.Loop() {
		m.Mask(line)
	}
}

func BenchmarkAddAndBuild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		manySecrets(20)
	}
}

// A step that masks what it finds and goes on to print, beside a large secret.
func BenchmarkSecretsThatComeOneByOne(b *testing.B) {
	for b.Loop() {
		m := manySecrets(40)
		for i := range 100 {
			m.Add(fmt.Sprintf("found-%08x", i*104729))
			m.Mask("and goes on")
		}
	}
}
