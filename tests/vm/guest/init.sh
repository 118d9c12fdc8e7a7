#!/bin/busybox sh
# The first process of the guest: load the modules, lay a RAM disk over the host's root and hand over to main.sh.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
while read -r module; do
  $b insmod /modules/$module || echo "cannot load $module"
done < /modules/order
share=trans=virtio,version=9p2000.L,msize=524288
$b mount -t 9p -o ro,cache=loose,$share root /host || echo "cannot mount the host's root"
$b mount -t tmpfs -o mode=755,size=80% tmpfs /memory
$b mkdir /memory/upper /memory/work
$b mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /new
$b mount -t tmpfs -o mode=755 tmpfs /new/run
$b mkdir -p /new/run/knd-vm /new/run/lock /new/run/netns /new/proc /new/sys /new/dev
$b cp $b /new/run/busybox
$b mount -t 9p -o rw,cache=none,$share run /new/run/knd-vm || echo "cannot mount the folder of the run"
for folder in proc sys dev; do $b mount --move /$folder /new/$folder; done
exec $b switch_root /new /run/busybox sh /run/knd-vm/main.sh
