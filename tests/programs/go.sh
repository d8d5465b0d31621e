# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# A small Go module: vet, build, test, run.
# Packages: golang-go
# Seconds: 240

case $1 in
build) ;;
run)
        export GOCACHE=$PWD/cache GOPATH=$PWD/path GOPROXY=off GOFLAGS=-mod=mod GOTOOLCHAIN=local CGO_ENABLED=0
        mkdir module
        cd module || exit
        printf 'module example.org/tiny\n\ngo 1.19\n' >go.mod
        cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func sum(numbers ...int) (total int) {
	for _, number := range numbers {
		total += number
	}
	return
}

func main() {
	input, _ := io.ReadAll(os.Stdin)
	fmt.Println("SEEN:", sum(1, 2, 3), "of", len(input), "bytes of input")
	fmt.Fprintln(os.Stderr, "SEEN: to stderr")
	if err := os.WriteFile("/dev/stdout", []byte("SEEN: by name\n"), 0o666); err != nil {
		fmt.Println("SEEN:", err)
	}
	child := exec.Command("sh", "-c", "echo SEEN: of a child; echo SEEN: of a child, stderr >/dev/stderr")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	fmt.Println("SEEN:", child.Run())
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGTERM)
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
	fmt.Println("SEEN:", <-heard)
	os.Exit(3)
}
END
        cat >main_test.go <<'END'
package main

import "testing"

func TestSum(t *testing.T)   { t.Log("SEEN: a log"); if sum(1, 2) != 3 { t.Fail() } }
func TestFails(t *testing.T) { t.Error("on purpose") }
func TestSkips(t *testing.T) { t.Skip() }
END
        go vet ./... && echo PASS: vet || echo FAIL: vet
        go build -o tiny . && echo PASS: build || echo FAIL: build
        echo input | ./tiny
        echo "SEEN: it exits with $?"
        go run . >/dev/stderr
        echo "SEEN: go run exits with $?"
        go test -v ./... | sed -En 's/^--- ([A-Z]+): (.*) \(.*/SEEN: \1 \2/p'
        echo "SEEN: go test exits with ${PIPESTATUS[0]}"
        chmod -R u+w "$GOPATH" 2>/dev/null
        exit 0
        ;;
esac
