# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# The tests of git that are about pipes, terminals, signals and large output.
# Source: git
# Packages: perl, libio-pty-perl, zip, unzip
# Seconds: 240
tests='t0005 t0021 t0060 t0061 t1006 t1050 t4013 t5000 t5303 t5510 t7005 t7006 t7502 t9300'

case $1 in
build)
        make -j"$(nproc)" CFLAGS=-O1 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_TCLTK=1 NO_PYTHON=1 NO_OPENSSL=1 \
                NO_INSTALL_HARDLINKS=1 all
        ;;
run)
        cd "$BUILD/t" || exit
        for name in $tests; do
                for script in "$name"-*.sh; do
                        # What a test prints goes to where the output goes.
                        TEST_OUTPUT_DIRECTORY=$OLDPWD sh "./$script" --verbose --no-color </dev/null |
                                sed -E "/^ok .* # skip/ s|^ok ([0-9]+).*|SKIP: $name \1|
                                        s|^ok ([0-9]+) .*|PASS: $name \1|; s|^not ok ([0-9]+).*# TODO.*|XFAIL: $name \1|
                                        s|^not ok ([0-9]+) .*|FAIL: $name \1|; s|^1\.\.0.*|SKIP: $name|"
                        echo "SEEN: $name exits with ${PIPESTATUS[0]}"
                done
        done
        ;;
esac
