#!/bin/sh
# Boots a host of its own for a test: this machine's files under a layer that forgets, its own processes, users, mounts and
# cgroups, the devices of a simulated machine, and the system's own systemd as process 1.
#
#   boot.sh HOME    where HOME/bin has the programs, which the host sees as /srv/bin, and HOME/machine is the simulated one
#
# To be run as root. Ends with the caller: the kernel ends everything of a host with its process 1.
set -eu
home=$1
mount --make-rprivate /
mkdir "$home/cgroups" "$home/host"
# Process 1 takes the cgroup that it finds itself in for the root of all.
mount -t cgroup2 cgroup2 "$home/cgroups"
mkdir "$home/cgroups/${home##*/}"
echo $$ >"$home/cgroups/${home##*/}/cgroup.procs"

boot='
home=$1
mount -t tmpfs -o mode=0755 tmpfs "$home/host"
cd "$home/host"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
cd root
mkdir srv/bin srv/machine
mount --bind "$home/bin" srv/bin
mount --bind "$home/machine" srv/machine
mount -t proc proc proc
mount --rbind /sys sys
umount -l sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
pivot_root . mnt
cd /
umount -l mnt
# Over a real library too, which is not to be reached from here.
for place in /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu; do
    if [ -d $place ]; then ln -sf /srv/machine/lib/libnvidia-ml.so.1 $place/libnvidia-ml.so.1; fi
done
export container=migbroker-test
exec /srv/bin/migsim enter /srv/machine -- /lib/systemd/systemd --system --unit=basic.target >/run/boot.log 2>&1
'
exec unshare --pid --fork --kill-child --cgroup --uts --ipc --mount sh -euc "$boot" boot "$home" </dev/null
