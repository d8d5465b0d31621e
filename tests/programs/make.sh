# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# Parallel make and ninja: progress bars, the jobserver, output that make synchronizes, an interrupted build.
# Packages: ninja-build
# Seconds: 120

case $1 in
build) ;;
run)
        cat >Makefile <<'END'
objects = $(foreach n,$(shell seq 20),$(n).o)
all: $(objects) sub
	@printf '\nSEEN: %s with %s\n' "$(notdir $(PWD))" "$$(cat *.o | sort -n | paste -sd ' ')" | sed 's/[a-z]*-[a-z0-9-]* /folder /'
%.o:
	@echo $* >$@; printf '\r[%2d/20] \033[32m%-40s\033[0m' $$(ls *.o | wc -l) $@ >&2
sub: $(objects)
	@echo >&2
	+@$(MAKE) --no-print-directory -f ../Makefile -C folder inner
inner: a b c
	@echo "SEEN: inner make, $(filter --jobserver%,$(MAKEFLAGS))" | sed 's/=.*//'
a b c:
	@echo "SEEN: target $@"; echo "SEEN: target $@ to stderr" >/dev/stderr; echo "SEEN: once more $@" | tee /dev/stderr >/dev/null
fails:
	@echo "SEEN: before the failure"; exit 3
sleeps:
	@sleep 60; echo FAIL: it was not interrupted
.PHONY: all sub inner a b c fails sleeps
END
        mkdir folder
        make -j4 && echo PASS: make || echo FAIL: make
        rm -- *.o
        make -j4 --output-sync=target && echo PASS: synchronized || echo FAIL: synchronized
        rm -- *.o
        make -j4 --output-sync=recurse 2>&1 | tee /dev/stderr >copy && echo PASS: teed || echo FAIL: teed
        echo "SEEN: $(grep -c 'target [abc]$' copy) lines in the copy"
        make -j2 fails
        echo "SEEN: make exits with $?"
        timeout --signal INT 1 make -j2 sleeps
        echo "SEEN: interrupted make exits with $?"
        cat >build.ninja <<'END'
rule write
  command = echo SEEN: ninja makes $out && echo $out >$out
  description = WRITE $out
build n1: write
build n2: write
build n3: write n1 n2
END
        ninja -j2 && echo PASS: ninja || echo FAIL: ninja
        cat >test.c <<'END'
#include <stdio.h>
#include <unistd.h>
int main(void)
{
        printf("SEEN: %d%d%d %s\n", isatty(0), isatty(1), isatty(2), ttyname(1) ? "a terminal" : "no terminal");
        fprintf(stderr, "SEEN: C to stderr\n");
        return 0;
}
END
        gcc -E -o /dev/stdout test.c | grep -c 'ttyname(1)' | sed 's/^/SEEN: preprocessed /'
        gcc -pipe -o test test.c && ./test && echo PASS: gcc || echo FAIL: gcc
        exit 4
        ;;
esac
