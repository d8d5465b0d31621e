# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# Containers without root: podman with a root folder of ours, bubblewrap, unshare. The network of the sandbox
# has nothing to share, and no FUSE is there.
# Packages: podman, uidmap, crun, bubblewrap, busybox-static
# Seconds: 180

case $1 in
build)
        mkdir -p root/bin root/proc root/sys root/dev root/tmp root/etc root/run &&
                cp "$(command -v busybox)" root/bin/ && for name in sh cat echo id ls kill sleep wc head; do
                ln -sf busybox root/bin/$name
        done && echo 'root:x:0:0:root:/:/bin/sh' >root/etc/passwd && chmod 755 "$BUILD"
        ;;
run)
        try() {
                local name=$1 status

                shift
                timeout 60 "$@"
                status=$?
                echo "SEEN: $name exits with $status"
                ((status == 0)) && echo "PASS: $name" || echo "FAIL: $name"
        }

        # The kernel's settings are read-only in the sandbox.
        printf '[containers]\ndefault_sysctls = []\n' >containers.conf
        export CONTAINERS_CONF=$PWD/containers.conf
        podman=(podman --root "$PWD/storage" --runroot "$PWD/runroot" --storage-driver vfs --cgroup-manager cgroupfs
                --events-backend file)
        run=("${podman[@]}" run --rm --network none)
        echo "SEEN: rootless is $("${podman[@]}" info --format '{{.Host.Security.Rootless}}')"
        try 'podman run' "${run[@]}" --rootfs "$BUILD/root" sh -c 'echo SEEN: in a container; id -u; exec >/dev/stderr; echo SEEN: to stderr'
        echo 'SEEN: input' | try 'podman with input' "${run[@]}" -i --rootfs "$BUILD/root" cat
        echo "SEEN: $("${run[@]}" --rootfs "$BUILD/root" head -c 3000000 /dev/zero | wc -c) bytes of output"
        "${run[@]}" --rootfs "$BUILD/root" sh -c 'exit 7'
        echo "SEEN: podman hands on $?"
        "${podman[@]}" run -d --network none --name left --rootfs "$BUILD/root" sleep 60 >/dev/null &&
                "${podman[@]}" stop -t 1 left && "${podman[@]}" rm left && echo PASS: stopped || echo FAIL: stopped
        # Of the container's PID 1 to a service manager.
        try 'podman that notifies' "${run[@]}" --sdnotify=container --rootfs "$BUILD/root" sh -c 'echo SEEN: notifies'
        try bubblewrap bwrap --unshare-all --ro-bind "$BUILD/root" / --proc /proc --dev /dev --tmpfs /tmp \
                sh -c 'echo SEEN: in a bubble; echo SEEN: to stderr >/dev/stderr; ls /proc | head -n 1'
        try 'bubblewrap with a session' bwrap --unshare-pid --die-with-parent --new-session --bind / / --proc /proc --dev /dev id -u
        try unshare unshare --user --map-root-user --mount --pid --fork --mount-proc sh -c 'echo "SEEN: $$ $(id -u)"'
        "${podman[@]}" unshare sh -c 'chown 5:5 runroot && stat -c "SEEN: %u" runroot; chown 0:0 runroot'
        "${podman[@]}" system reset --force >/dev/null 2>&1
        exit 0
        ;;
esac
