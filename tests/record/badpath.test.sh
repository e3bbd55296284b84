#!/bin/bash
# A results path that cannot be written and a disk that is full: one line, status 2, nothing that looks whole.
set -u
sample=$WEFT_BUILD/tests/tools/sample_run
dir=$(mktemp -d)
mounted=
trap '[ -n "$mounted" ] && umount "$dir/small"; rm -rf "$dir"' EXIT

# NAME STATUS STDERR-FILE PATTERN: one line on stderr that names the reason, and status 2.
expect() {
    local lines
    lines=$(wc -l <"$3")
    if [ "$2" -eq 2 ] && [ "$lines" -eq 1 ] && grep -q "$4" "$3"; then
        echo "ok $1"
    else
        echo "not ok $1: status $2, said: $(head -3 "$3")"
    fi
}

"$sample" "$dir/no/such/run.h5" --seconds 2 >/dev/null 2>"$dir/err"
expect missing_folder $? "$dir/err" 'No such file or directory'
"$sample" "$dir" --seconds 2 >/dev/null 2>"$dir/err"
expect path_is_a_folder $? "$dir/err" 'not a regular file'
"$sample" "$dir/x/" --seconds 2 >/dev/null 2>"$dir/err"
expect path_ends_in_slash $? "$dir/err" 'names no file'
"$sample" /dev/full --seconds 2 >/dev/null 2>"$dir/err"
expect path_is_a_device $? "$dir/err" 'not a regular file'
"$sample" "$dir/$(printf 'x%.0s' {1..250}).h5" --seconds 2 >/dev/null 2>"$dir/err"
expect name_too_long $? "$dir/err" 'File name too long'

# Too small for even the empty file: nothing stays behind.
(trap '' XFSZ; ulimit -f 8; "$sample" "$dir/tiny.h5" --seconds 2 >/dev/null 2>"$dir/err")
expect no_room_at_all $? "$dir/err" 'file size limit'
if [ -z "$(find "$dir" -name '*tiny*')" ]; then echo "ok no_room_left_nothing"; else echo "not ok no_room_left_nothing"; fi

# Room for the start only: what stays says that the run did not end.
(trap '' XFSZ; ulimit -f 2048; "$sample" "$dir/half.h5" --flush 1 >/dev/null 2>"$dir/err")
expect full_halfway $? "$dir/err" 'file size limit'
"$WEFT" digest "$dir/half.h5" >/dev/null 2>"$dir/err"
expect halfway_is_not_whole $? "$dir/err" 'did not end'
if [ -z "$(find "$dir" -name '.half*')" ]; then echo "ok full_left_nothing_hidden"; else echo "not ok full_left_nothing_hidden"; fi

# The same on a real file system of 1 MiB, where that can be mounted.
mkdir "$dir/small"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=1m tmpfs "$dir/small" 2>/dev/null; then
    mounted=1
    "$sample" "$dir/small/run.h5" >/dev/null 2>"$dir/err"
    expect disk_full $? "$dir/err" 'No space left on device'
    "$WEFT" digest "$dir/small/run.h5" >/dev/null 2>"$dir/err"
    expect disk_full_is_not_whole $? "$dir/err" 'did not end'
else
    echo "skip disk_full: cannot mount a small file system here"
fi

# What weft digest says of files that are not results.
head -c 60000 /dev/urandom >"$dir/noise.h5"
"$WEFT" digest "$dir/noise.h5" >/dev/null 2>"$dir/err"
expect digest_of_noise $? "$dir/err" 'not an HDF5 file'
"$sample" "$dir/run.h5" --seconds 10 >"$dir/digest"
head -c 60000 "$dir/run.h5" >"$dir/cut.h5"
"$WEFT" digest "$dir/cut.h5" >/dev/null 2>"$dir/err"
expect digest_of_cut_file $? "$dir/err" 'damaged or cut short'
size=$(stat -c %s "$dir/run.h5")
cp "$dir/run.h5" "$dir/bit.h5"
printf '\xa5\x5a\xa5\x5a' | dd of="$dir/bit.h5" bs=1 seek=$((size * 2 / 3)) conv=notrunc 2>/dev/null
"$WEFT" digest "$dir/bit.h5" >/dev/null 2>"$dir/err"
expect digest_of_damaged_file $? "$dir/err" 'damaged'
if [ "$("$WEFT" digest "$dir/run.h5")" = "$(cat "$dir/digest")" ]; then echo "ok digest_is_the_stored_one"; else echo "not ok digest_is_the_stored_one"; fi
