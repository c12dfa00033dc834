#!/usr/bin/env python3
"""Makes the Debian package and, on a copy of this machine's file system that goes away afterwards, installs it, runs the
service's program as the service's user, and removes it again.

usage: test_package.py BUILD_FOLDER   (needs root and overlay mounts; ends with 77, skipped, where there are none)
"""

import os
import shutil
import subprocess
import sys
import tempfile

# Runs inside the copy, step by step; the first that fails ends it.
INSIDE = r"""
set -eux
test ! -e /usr/bin/vortex-node
dpkg -i /package.deb
vortex version
vortex-node --version
getent passwd vortex
test "$(stat -c '%U %a' /var/lib/vortex)" = "vortex 700"
test -s /usr/share/bash-completion/completions/vortex
gzip -cd /usr/share/man/man1/vortex.1.gz 2>/dev/null | grep -q VORTEX || grep -q VORTEX /usr/share/man/man1/vortex.1
if command -v systemd-analyze >/dev/null; then systemd-analyze verify --man=no /lib/systemd/system/vortex-node.service; fi

cat >/etc/vortex/node.json <<JSON
{"data": "/var/lib/vortex", "listen": "127.0.0.1:17690", "create": true, "partitions": 4, "log-file": "/var/lib/vortex/log"}
JSON
node="setpriv --reuid=vortex --regid=vortex --clear-groups vortex-node --config /etc/vortex/node.json"
$node >/tmp/ready &
pid=$!
for i in $(seq 300); do grep -q ready /tmp/ready && break; sleep 0.1; done
grep ready /tmp/ready
client="vortex --connect 127.0.0.1:17690 --key /var/lib/vortex/root.key"
echo installed | $client store - /it
test "$($client cat /it)" = installed
mv /var/lib/vortex/log /var/lib/vortex/log.1
kill -HUP $pid
for i in $(seq 300); do test -e /var/lib/vortex/log && break; sleep 0.1; done
test -e /var/lib/vortex/log
kill -TERM $pid
wait $pid

dpkg -L vortexnetfs >/tmp/files
dpkg -r vortexnetfs
while read -r file; do test ! -f "$file" || { echo "$file stayed"; exit 1; }; done </tmp/files
test -d /var/lib/vortex/chunks
dpkg -P vortexnetfs
test -d /var/lib/vortex/chunks
rm -r /var/lib/vortex /etc/vortex
dpkg -i /package.deb
dpkg -P vortexnetfs
test ! -e /var/lib/vortex
! getent passwd vortex
"""

# Mounts a copy of everything that takes what is written, and goes into it. The mounts end with their namespace.
OUTSIDE = r"""
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" 2>/dev/null || exit 77
mount -t proc proc "$1/root/proc" 2>/dev/null || mount --bind /proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/tmp"
chmod 1777 "$1/root/tmp"
cp "$2" "$1/root/package.deb"
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec chroot "$1/root" sh -c "$3"
"""


def main(build):
    can = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0
    if not can or shutil.which("dpkg-deb") is None:
        print("skipped: this needs root, mount namespaces and dpkg")
        return 77
    base = tempfile.mkdtemp(prefix="vortex-package-")
    try:
        subprocess.run(["cpack", "--config", f"{build}/CPackConfig.cmake", "-B", f"{base}/made"], check=True,
                       stdout=subprocess.DEVNULL)
        packages = [name for name in os.listdir(f"{base}/made") if name.endswith(".deb")]
        if len(packages) != 1:
            print(f"wanted one package, not {packages}")
            return 1
        os.mkdir(f"{base}/copy")
        done = subprocess.run(["unshare", "-m", "sh", "-c", OUTSIDE, "sh", f"{base}/copy", f"{base}/made/{packages[0]}",
                               INSIDE], check=False, timeout=240, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode not in (0, 77):
            print(done.stdout.decode(errors="replace"))
        print({0: "it installs, runs and goes", 77: "skipped: no overlay mounts here"}.get(done.returncode, "FAILED"))
        return done.returncode
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1])))
