# In the host's root: the remaining mounts, the names that udev would give, then the command of the run.
b=/run/busybox
run=/run/knd-vm
attach() { $b mkdir -p "$3" && $b mount -t "$1" -o "$2" "$1" "$3"; }
attach devpts gid=5,mode=620,ptmxmode=666 /dev/pts
attach tmpfs mode=1777 /dev/shm
attach cgroup2 rw /sys/fs/cgroup
attach bpf mode=700 /sys/fs/bpf
attach debugfs rw /sys/kernel/debug
$b ln -sfn /proc/self/fd /dev/fd
$b ln -sfn fd/0 /dev/stdin
$b ln -sfn fd/1 /dev/stdout
$b ln -sfn fd/2 /dev/stderr
$b hostname knd-vm
$b ip link set lo up

# Names by place on the PCI bus, as udev's net_id gives them on a real machine.
for device in /sys/class/net/*/device; do
  old=${device#/sys/class/net/}
  old=${old%/device}
  address=$($b readlink -f "$device")
  case $address in */virtio*) address=${address%/virtio*};; esac
  address=${address##*/}
  case $address in ????:??:??.?) ;; *) continue;; esac
  bus=${address#*:}
  slot=${bus#*:}
  $b ip link set "$old" name enp$((0x${bus%%:*}))s$((0x${slot%.*}))
done

for port in /sys/class/virtio-ports/*; do
  [ "$($b cat "$port/name")" = output ] && output=/dev/${port##*/}
done
$b cat /proc/uptime > $run/booted
$b mkfifo /run/output
$b cat /run/output > "$output" &
copier=$!
$b setsid $b sh $run/command.sh < /dev/null > /run/output 2>&1
status=$?
# What the command left running may still hold its output open: a moment for the rest, then the end.
tries=0
while [ $tries -lt 20 ] && $b kill -0 $copier 2> /dev/null; do
  $b usleep 100000
  tries=$((tries + 1))
done
echo $status > $run/status
$b sync
echo b > /proc/sysrq-trigger
